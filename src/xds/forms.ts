import { hash } from 'node:crypto';
import type { Fragment, Resource } from '../mesh/envoy/resource.ts';
import type { FragmentSearch } from './fragment-search.ts';

/** A fragment that the client refused: not sent again until its bytes differ. */
export interface RefusedFragment {
  readonly fragment: Fragment;
  readonly message: string;
}

/** What a stream knows against a resource. Most resources never have any. */
export interface Trouble {
  /** This version was refused and could not be narrowed down further. */
  bad?: {
    readonly version: string;
    readonly message: string;
    readonly retryAfterRemoval: boolean;
    /** A client that has no form of it yet gets the one that another stream accepted last. */
    readonly fallback?: Resource | undefined;
  };
  refused?: ReadonlyMap<string, RefusedFragment>;
  search?: FragmentSearch;
  substitute?: { readonly of: Resource; readonly form: Resource };
}

/**
 * The form of `resource` to send to a client, given what it refused before: as it is, or without the fragments that it
 * refused (each at its last accepted form, or left out); where this version is known to be refused whole, an older one or
 * nothing.
 */
export function formToSend(
  resource: Resource,
  trouble: Trouble | undefined,
  good: Resource | undefined,
): Resource | undefined {
  if (trouble === undefined) return resource;
  if (trouble.search?.target.version === resource.version) return trouble.search.form();
  if (trouble.bad?.version === resource.version) return trouble.bad.fallback;
  const { refused } = trouble;
  if (refused === undefined || refused.size === 0 || resource.fragments === undefined) return resource;
  if (trouble.substitute?.of !== resource) {
    const fallback = fragmentsByKey(good);
    const form = compose(resource, good, (fragment) =>
      isRefused(refused, fragment) ? fallback.get(fragment.key) : fragment,
    );
    trouble.substitute = { of: resource, form };
  }
  return trouble.substitute.form;
}

export function isRefused(refused: ReadonlyMap<string, RefusedFragment>, fragment: Fragment): boolean {
  const before = refused.get(fragment.key);
  return before !== undefined && sameBytes(before.fragment.bytes, fragment.bytes);
}

/**
 * `target` with each fragment replaced by what `choose` returns, or left out. Gives `target` or `good` themselves where
 * nothing differs from them, so that versions can be compared.
 */
export function compose(
  target: Resource,
  good: Resource | undefined,
  choose: (fragment: Fragment) => Fragment | undefined,
): Resource {
  const fragments: Fragment[] = [];
  let whole = true;
  for (const fragment of target.fragments ?? []) {
    const chosen = choose(fragment);
    if (chosen !== fragment) whole = false;
    if (chosen !== undefined) fragments.push(chosen);
  }
  if (whole) return target;
  const body = Buffer.concat([target.head ?? new Uint8Array(), ...fragments.map(({ bytes }) => bytes)]);
  if (good !== undefined && sameBytes(good.body, body)) return good;
  return { ...target, body, fragments, version: hash('sha256', body, 'base64url').slice(0, 22) };
}

export function fragmentsByKey(resource: Resource | undefined): ReadonlyMap<string, Fragment> {
  return new Map(resource?.fragments?.map((fragment) => [fragment.key, fragment]));
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || (a.length === b.length && Buffer.compare(a, b) === 0);
}

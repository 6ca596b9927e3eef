import { isObject } from '../lib/is-object.ts';
import type { AnyObject } from './any-object.ts';
import type { Diagnostic } from './diagnostic.ts';
import { type Kind, kinds } from './kinds.ts';
import type { ObjectRef } from './object.ts';
import { Context, closest, withinBudget } from './schema/index.ts';

/** What became of one object. Exactly one of `object` and `ignored` is there, or neither: then it has an error. */
export interface ParseResult {
  readonly object?: AnyObject;
  /** Of a kind that is none of ours. */
  readonly ignored?: { readonly apiVersion: string; readonly kind: string };
  /** What the object is called, as far as can be told; also of one with errors. */
  readonly ref?: ObjectRef;
  /** Errors where there is no `object`; warnings at most where there is one. Their `field` is a path in the object. */
  readonly diagnostics: readonly Diagnostic[];
}

const byName = new Map(kinds.map((kind) => [`${kind.group}/${kind.kind}`, kind]));

/** Groups whose kinds we read all of, but for those that end so: a kind in them that we do not know is a slip of the pen. */
const OUR_GROUPS = new Set(['gateway.networking.k8s.io']);

export interface ParseOptions {
  /**
   * `error`, unless the API server has checked the object: then no slip of the pen can be in it, and the field is one of a
   * newer API, whose defaults must not put every object of a kind out of force.
   */
  readonly unknownFields?: 'error' | 'warning';
}

/**
 * One object out of JSON or YAML; `raw` is anything at all. Never throws, and takes time linear in the size of `raw`,
 * bounded by `LIMITS`. For lists see `parseObjects`.
 */
export function parseObject(raw: unknown, options: ParseOptions = {}): ParseResult {
  const context = new Context(options.unknownFields);
  if (!isObject(raw)) {
    context.error(
      'WrongType',
      `is ${raw === null ? 'empty' : Array.isArray(raw) ? 'a list' : `a ${typeof raw}`}`,
      'a document must be an object with apiVersion and kind',
    );
    return { diagnostics: context.diagnostics() };
  }
  const { apiVersion, kind } = raw;
  for (const [name, value, example] of [
    ['apiVersion', apiVersion, 'v1'],
    ['kind', kind, 'Service'],
  ] as const)
    if (value === undefined || value === null || value === '')
      context.error('MissingField', 'is missing', missingHint(raw, name, example), [name]);
    else if (typeof value !== 'string') context.error('WrongType', 'is not a string', undefined, [name]);
  if (context.errors > 0) return { diagnostics: context.diagnostics() };
  return parseTyped(raw, apiVersion as string, kind as string, context);
}

/** Files of bare rules are what `cilium policy import` read. */
function missingHint(raw: Record<string, unknown>, name: string, example: string): string {
  return 'endpointSelector' in raw || 'nodeSelector' in raw
    ? 'a rule alone is no object: put it under spec of a CiliumNetworkPolicy (apiVersion: cilium.io/v2)'
    : `every object needs it: ${name}: ${example}`;
}

function parseTyped(raw: Record<string, unknown>, apiVersion: string, name: string, context: Context): ParseResult {
  const slash = apiVersion.indexOf('/');
  const group = slash < 0 ? '' : apiVersion.slice(0, slash);
  const version = apiVersion.slice(slash + 1);
  const kind = byName.get(`${group}/${name}`);
  if (kind === undefined) return unknownKind(raw, group, apiVersion, name, context);
  const ref = refOfRaw(raw, kind);
  if (!kind.versions.includes(version))
    context.error(
      'UnsupportedVersion',
      `is ${apiVersion}, which is not read for kind ${name}`,
      `write apiVersion: ${withGroup(kind)}`,
      ['apiVersion'],
    );
  else if (withinBudget(raw, context)) {
    const object = kind.parse(raw, version, context);
    const diagnostics = withRef(context.diagnostics(), ref);
    return context.errors === 0 ? { object, ref: ref as ObjectRef, diagnostics } : failed(diagnostics, ref);
  }
  return failed(withRef(context.diagnostics(), ref), ref);
}

const failed = (diagnostics: readonly Diagnostic[], ref: ObjectRef | undefined): ParseResult =>
  ref === undefined ? { diagnostics } : { ref, diagnostics };

const withGroup = ({ group, versions }: Kind): string => (group === '' ? `${versions[0]}` : `${group}/${versions[0]}`);

/** Kubernetes' own API groups: there a kind of ours under another group is a mistake, elsewhere somebody else's kind. */
function isKubernetesOwn(group: string): boolean {
  return !group.includes('.') || (group.endsWith('.k8s.io') && !group.endsWith('.x-k8s.io'));
}

function unknownKind(
  raw: Record<string, unknown>,
  group: string,
  apiVersion: string,
  name: string,
  context: Context,
): ParseResult {
  const meant = isKubernetesOwn(group) ? kinds.find((kind) => kind.kind === name) : undefined;
  if (meant !== undefined) {
    context.error(
      'UnsupportedVersion',
      `is ${apiVersion}, which has no kind ${name} that is read`,
      `write apiVersion: ${withGroup(meant)}`,
      ['apiVersion'],
    );
    const ref = refOfRaw(raw, meant);
    return failed(withRef(context.diagnostics(), ref), ref);
  }
  const ours = kinds.filter((kind) => kind.group === group).map((kind) => kind.kind);
  const close =
    ours.find((each) => each.toLowerCase() === name.toLowerCase()) ??
    (OUR_GROUPS.has(group) ? closest(name, ours) : undefined);
  if (close === undefined) return { ignored: { apiVersion, kind: name }, diagnostics: [] };
  context.error(
    'UnknownKind',
    `is ${name}, which ${apiVersion} does not have; did you mean ${close}?`,
    `write kind: ${close}`,
    ['kind'],
  );
  return { diagnostics: context.diagnostics() };
}

/** The name of an object that may be wrong otherwise. */
function refOfRaw(raw: Record<string, unknown>, kind: Kind): ObjectRef | undefined {
  const meta = raw.metadata;
  if (!isObject(meta) || typeof meta.name !== 'string' || meta.name === '') return undefined;
  const target = kind.reads === kind.kind ? kind.group : 'gateway.networking.k8s.io';
  const name = meta.name;
  if (!kind.namespaced) return { group: target, kind: kind.reads, name };
  const namespace = typeof meta.namespace === 'string' && meta.namespace !== '' ? meta.namespace : 'default';
  return { group: target, kind: kind.reads, namespace, name };
}

function withRef(diagnostics: readonly Diagnostic[], object: ObjectRef | undefined): readonly Diagnostic[] {
  return object === undefined || diagnostics.length === 0
    ? diagnostics
    : diagnostics.map((each) => ({ ...each, object }));
}

/** A list is expanded no deeper than this: `List` of `List` is legal, without end it is an attack. */
const MAX_LIST_DEPTH = 3;
/** Items of all lists of one document together. */
const MAX_ITEMS = 100_000;

/** One object of a document, with the path that leads to it: `items[3]`, or `''` for the document itself. */
export interface ParsedItem extends ParseResult {
  readonly path: string;
}

/**
 * All objects of one document: itself, or the items of a `List` (also of a typed one, such as `IngressList`, whose items
 * need not repeat apiVersion and kind), or those of a JSON array; none for an empty one. The diagnostics' fields are paths in the document.
 */
export function parseObjects(raw: unknown): readonly ParsedItem[] {
  const results: ParsedItem[] = [];
  expand(raw, '', 0, results);
  return results;
}

function expand(raw: unknown, path: string, depth: number, results: ParsedItem[]): void {
  if (path === '' && (raw === null || raw === undefined)) return;
  const items = depth < MAX_LIST_DEPTH ? itemsOf(raw) : undefined;
  if (items !== undefined) {
    const base = Array.isArray(raw) ? path : `${path === '' ? '' : `${path}.`}items`;
    for (const [i, item] of items.entries()) {
      if (results.length >= MAX_ITEMS) {
        tooMany(items.length, base, results);
        return;
      }
      expand(item, `${base}[${i}]`, depth + 1, results);
    }
    return;
  }
  const result = parseObject(raw);
  if (path === '' || result.diagnostics.length === 0) results.push({ ...result, path });
  else results.push({ ...result, path, diagnostics: result.diagnostics.map((each) => below(path, each)) });
}

function below(path: string, diagnostic: Diagnostic): Diagnostic {
  return { ...diagnostic, field: diagnostic.field ? `${path}.${diagnostic.field}` : path };
}

/** The items of a `List`, of a typed list, or of a JSON array. */
function itemsOf(raw: unknown): readonly unknown[] | undefined {
  if (Array.isArray(raw)) return raw;
  if (!isObject(raw)) return undefined;
  const { kind, items, apiVersion } = raw;
  if (typeof kind !== 'string' || !kind.endsWith('List') || !Array.isArray(items)) return undefined;
  const itemKind = kind.slice(0, -'List'.length);
  if (itemKind === '') return items;
  return items.map((item) =>
    isObject(item) && item.kind === undefined ? { apiVersion, kind: itemKind, ...item } : item,
  );
}

function tooMany(count: number, path: string, results: ParsedItem[]): void {
  const message = `${path} has ${count} items; only the first ${MAX_ITEMS} objects of a document are read`;
  const hint = 'split it into several documents';
  results.push({ path, diagnostics: [{ severity: 'error', reason: 'TooLarge', message, hint, field: path }] });
}

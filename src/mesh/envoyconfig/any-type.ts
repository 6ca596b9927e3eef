import type { DescMessage } from '@bufbuild/protobuf';
import { type Context, closest, show } from '../../api/schema/index.ts';
import { envoyTypeNames, envoyTypes } from './descriptors.ts';

/** The type that an `@type` names; undefined, with an error, where there is none. */
export function typeOfAny(url: unknown, context: Context): DescMessage | undefined {
  if (url === undefined) {
    context.error('MissingField', 'is missing', 'name the Envoy type: type.googleapis.com/envoy...', ['@type']);
    return undefined;
  }
  if (typeof url !== 'string') {
    context.error('WrongType', `is ${show(url)}, not a string`, undefined, ['@type']);
    return undefined;
  }
  const name = url.slice(url.lastIndexOf('/') + 1);
  const desc = envoyTypes().getMessage(name);
  if (desc === undefined || !url.includes('/')) {
    context.error(
      'UnknownType',
      `is ${show(url)}, which is not an Envoy v3 type`,
      context.full ? undefined : hintFor(name),
      ['@type'],
    );
    return undefined;
  }
  return desc;
}

function hintFor(name: string): string {
  if (envoyTypes().getMessage(name) !== undefined) return `write type.googleapis.com/${name}`;
  if (name.startsWith('cilium.')) return "that filter is in Cilium's own build of Envoy only: remove it";
  const words = name.split('.');
  const own = words.at(-1) ?? '';
  const candidates = envoyTypeNames();
  // First what differs in its package or version only (a v2 name, a forgotten `extensions`), then slips of the pen.
  const same = candidates.filter((candidate) => candidate.endsWith(`.${own}`));
  const best = same.length > 0 ? nearest(name, same) : closestByPart(name, candidates);
  return best === undefined
    ? 'Envoy API reference: https://www.envoyproxy.io/docs/envoy/latest/api-v3/api'
    : `did you mean type.googleapis.com/${best}?`;
}

function nearest(name: string, candidates: readonly string[]): string | undefined {
  const words = new Set(name.split('.'));
  const shared = (candidate: string) => candidate.split('.').filter((word) => words.has(word)).length;
  return [...candidates].sort((a, b) => shared(b) - shared(a) || a.length - b.length || (a < b ? -1 : 1))[0];
}

/** By the last word alone: full names are too long and too alike for an edit distance over all of them. */
function closestByPart(name: string, candidates: readonly string[]): string | undefined {
  const own = name.slice(name.lastIndexOf('.') + 1);
  const byLast = Map.groupBy(candidates, (candidate) => candidate.slice(candidate.lastIndexOf('.') + 1));
  const close = closest(own, byLast.keys());
  return close === undefined ? undefined : nearest(name, byLast.get(close) ?? []);
}

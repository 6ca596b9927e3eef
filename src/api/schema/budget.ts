import type { Context } from './context.ts';

/** An object beyond these is refused before anything else looks at it. Aliases count each time that they are used. */
export const LIMITS = {
  /** Values of any type, all levels together. An EndpointSlice of the legal maximum has some 20,000. */
  nodes: 200_000,
  depth: 64,
  /** UTF-16 units of all strings and keys. The API server itself takes 3 MiB a request. */
  characters: 4 << 20,
} as const;

/**
 * False, with an error, where `value` is too large, too deep, or not JSON. A bomb of aliases is a small graph that
 * stands for a huge tree; the walk counts the tree and stops at the limit, so it costs at most that.
 */
export function withinBudget(root: unknown, context: Context): boolean {
  let nodes = 0;
  let characters = 0;
  const walk = (value: unknown, depth: number): string | undefined => {
    if (++nodes > LIMITS.nodes) return `has more than ${LIMITS.nodes} values`;
    if (typeof value === 'string') {
      characters += value.length;
      return characters > LIMITS.characters ? `has more than ${LIMITS.characters} characters of text` : undefined;
    }
    if (typeof value === 'number')
      return Number.isFinite(value) ? undefined : `holds the number ${value}, which JSON has not`;
    if (typeof value === 'boolean' || value === null || value === undefined) return undefined;
    if (typeof value !== 'object') return `holds a ${typeof value}, which JSON has not`;
    if (depth >= LIMITS.depth) return `is nested deeper than ${LIMITS.depth} levels`;
    if (Array.isArray(value)) {
      for (const item of value) {
        const problem = walk(item, depth + 1);
        if (problem !== undefined) return problem;
      }
      return undefined;
    }
    const prototype = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return 'holds something that JSON has not';
    for (const key in value) {
      characters += key.length;
      const problem = walk((value as Record<string, unknown>)[key], depth + 1);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
  const problem = walk(root, 0);
  if (problem === undefined) return true;
  context.error('TooLarge', problem, 'split it up, or remove what is not needed');
  return false;
}

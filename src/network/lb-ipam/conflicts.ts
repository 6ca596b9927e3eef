import { compareAge, type Pool, type PoolRange } from './pool.ts';

/**
 * Pools that overlap with themselves or with an older pool, by id, with what is wrong. From these nothing new is given out:
 * of two pools that overlap it is always the younger one that waits.
 */
export function findConflicts(pools: Iterable<Pool>): Map<string, string> {
  const conflicts = new Map<string, string>();
  const before: { readonly range: PoolRange; readonly pool: Pool }[] = [];
  for (const pool of [...pools].sort(compareAge)) {
    for (const range of pool.ranges) {
      const other = before.find((each) => overlap(each.range, range));
      if (other !== undefined && !conflicts.has(pool.id)) {
        const whose = other.pool === pool ? 'of the same pool' : `of the older pool ${other.pool.name}`;
        conflicts.set(pool.id, `${range.text} overlaps ${other.range.text} ${whose}`);
      }
      before.push({ range, pool });
    }
  }
  return conflicts;
}

function overlap(a: PoolRange, b: PoolRange): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

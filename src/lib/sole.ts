/**
 * Arrays that nobody writes to, shared: of a hundred thousand routes nearly each has one backend, one Gateway, and nothing
 * wrong with it, and an array of its own for each of these would be a third of what it weighs.
 */
export const none: readonly never[] = [];

const soles = new WeakMap<object, readonly [object]>();

/** The array with just this in it, the same at each call. For what many refer to: it is remembered as long as `one` lives. */
export function sole<T extends object>(one: T): readonly [T] {
  let array = soles.get(one) as readonly [T] | undefined;
  if (array === undefined) {
    array = [one];
    soles.set(one, array);
  }
  return array;
}

/** A copy that is as long as it needs to be: an array that was pushed to has room for seventeen. */
export function trimmed<T>(list: readonly T[]): readonly T[] {
  return list.length === 0 ? none : list.slice();
}

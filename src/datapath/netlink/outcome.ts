import { Fault } from '../../lib/fault.ts';

/**
 * Does what may be done already: the named answers of the kernel are as good as success.
 * @returns whether it was this call that did it
 * @throws Fault for every other answer
 */
export function unless(codes: readonly string[], change: () => void): boolean {
  try {
    change();
    return true;
  } catch (error) {
    if (error instanceof Fault && codes.includes(error.code)) return false;
    throw error;
  }
}

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * From now on V8 collects the whole heap each time that it has grown by a twentieth (8 MB at least). By itself it waits for half
 * as much again: right while much is read for the first time, but later each change leaves its predecessor behind as garbage, and
 * a process that does the same all day would grow for hours before anything is collected. Marking is incremental; at 5,000
 * routes a collection stops the process for 20 ms, about once in 500 changes.
 */
export function boundHeapGrowth(): void {
  setFlagsFromString('--heap-growing-percent=5');
}

/**
 * Collects the whole heap now. For the end of a start, when nobody waits yet: what was read and translated for the first time
 * has left as much garbage as there is heap, and without this V8 collects it within the next changes, which then take up to
 * ten times as long. Stops the process for 20 ms, and 3 ms more for each 1,000 routes.
 */
export function collectHeap(): void {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  setFlagsFromString('--no-expose-gc');
  gc();
}

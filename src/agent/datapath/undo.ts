/** Steps that take back what has been done so far, in the order in which it was done. */
export type Undo = (() => void)[];

/** Takes everything back, the last first. A step that fails is told, and does not keep the others from being done. */
export function undoAll(undo: Undo, onFault: (error: unknown) => void): void {
  for (const one of undo.reverse()) {
    try {
      one();
    } catch (error) {
      onFault(error);
    }
  }
}

/** ms of work in one go; then others have their turn. */
const longest = 5;
/** Characters of one piece at least: each is a write. */
const least = 16_384;

/**
 * A JSON array in pieces, for answers that take the event loop for longer than others should wait. What cannot be made breaks
 * the answer off.
 */
export async function* jsonList<T>(items: Iterable<T>, model: (item: T) => unknown): AsyncGenerator<string> {
  let piece = '[';
  let separator = '';
  let began = performance.now();
  for (const item of items) {
    piece += separator + JSON.stringify(model(item));
    separator = ',';
    if (performance.now() - began < longest && piece.length < least) continue;
    yield piece;
    piece = '';
    // The client may be as fast as we are, so that writing alone makes nobody wait.
    await new Promise((resolve) => setImmediate(resolve));
    began = performance.now();
  }
  yield `${piece}]`;
}

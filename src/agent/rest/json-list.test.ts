import assert from 'node:assert/strict';
import fc from 'fast-check';
import { jsonList } from './json-list.ts';

async function collect(pieces: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const piece of pieces) all.push(piece);
  return all;
}

describe('lists in pieces', () => {
  it('are together the JSON of the whole', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 30 }), async (items) => {
        const text = (await collect(jsonList(items, (item) => ({ item })))).join('');
        assert.equal(text, JSON.stringify(items.map((item) => ({ item }))));
      }),
    );
  });

  it('let others have their turn', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const slow = (item: number) => {
      const end = performance.now() + 2;
      while (performance.now() < end);
      return item;
    };
    const pieces = await collect(jsonList(Array(40).keys(), slow));
    clearInterval(timer);
    assert.ok(pieces.length > 5, `${pieces.length} pieces`);
    assert.ok(turns > 2, `${turns} turns`);
  });
});

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { EventStreamParser, type WatchEvent } from './event-stream.ts';
import { KubeFault } from './kube-fault.ts';

/** Events of a text that comes in these pieces. */
function parse(chunks: readonly Uint8Array[]): WatchEvent[] {
  const parser = new EventStreamParser('watch');
  return [...chunks.flatMap((chunk) => parser.push(chunk)), ...parser.end()];
}

/** Cut at these places, in any order, beyond its end or twice at one. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return sorted.slice(1).map((end, i) => bytes.subarray(sorted[i], end));
}

const event = fc.record({
  type: fc.constantFrom('ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR', 'NEWER'),
  object: fc.dictionary(fc.string(), fc.jsonValue()),
});
const places = fc.array(fc.nat(), { maxLength: 20 });

describe('event stream', () => {
  it('gives what was sent, wherever it is cut, also inside a character', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 10 }), places, fc.boolean(), (events, at, ended) => {
        const text = events.map((each) => JSON.stringify(each)).join('\n') + (ended ? '\n' : '');
        const expected = events.map((each) => JSON.parse(JSON.stringify(each)));
        assert.deepEqual(parse(cut(Buffer.from(text), at)), expected);
      }),
    );
  });

  it('has events of one chunk together', () => {
    const parser = new EventStreamParser('watch');
    const line = '{"type":"ADDED","object":{}}\n';
    assert.equal(parser.push(Buffer.from(line + line + line.slice(0, 9))).length, 2);
    assert.equal(parser.push(Buffer.from(line.slice(9) + line)).length, 2);
  });

  it('passes over empty lines', () => {
    assert.equal(parse([Buffer.from('\n\r\n {"type":"ADDED","object":{}} \r\n\n')]).length, 1);
  });

  it('gives events or a fault, whatever it is fed', () => {
    const line = fc.oneof(
      fc.string(),
      fc.json(),
      event.map((each) => JSON.stringify(each)),
      fc.constantFrom('{"type":"ADDED"}', '{"type":1,"object":{}}', '{"type":"ADDED","object":[]}', 'null', '{"type":'),
    );
    const bytes = fc.oneof(
      fc.array(line, { maxLength: 8 }).map((lines) => Buffer.from(lines.join('\n'))),
      fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)),
    );
    fc.assert(
      fc.property(bytes, places, (text, at) => {
        try {
          for (const { type, object } of parse(cut(text, at))) {
            assert.equal(typeof type, 'string');
            assert.ok(typeof object === 'object' && object !== null && !Array.isArray(object));
          }
        } catch (error) {
          assert.ok(error instanceof KubeFault && error.code === 'KUBE_BAD_ANSWER', String(error));
        }
      }),
    );
  });

  it('does not keep an event without an end', () => {
    const parser = new EventStreamParser('watch');
    const chunk = Buffer.alloc(8 << 20, 'x');
    assert.throws(
      () => {
        for (let i = 0; i < 20; i++) parser.push(chunk);
      },
      { code: 'KUBE_BAD_ANSWER' },
    );
  });
});

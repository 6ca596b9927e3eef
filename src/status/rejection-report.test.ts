import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Rejection, type ResourceType, resourceTypes } from '../mesh/envoy/resource.ts';
import { encodeRejections, parseRejections, rejectionReportName } from './rejection-report.ts';
import { rejectionKey } from './rejections.ts';

const ref = fc.record(
  { group: fc.constantFrom('', 'networking.k8s.io'), kind: fc.string(), namespace: fc.string(), name: fc.string() },
  { requiredKeys: ['group', 'kind', 'name'], noNullPrototype: true },
);
const rejection: fc.Arbitrary<Rejection> = fc.record(
  {
    type: fc.constantFrom(...(Object.keys(resourceTypes) as ResourceType[])),
    name: fc.string(),
    fragment: fc.string(),
    version: fc.string(),
    message: fc.string(),
    origins: fc.array(ref, { maxLength: 3 }),
  },
  { requiredKeys: ['type', 'name', 'version', 'message', 'origins'], noNullPrototype: true },
);
const rejections = fc.uniqueArray(rejection, { selector: rejectionKey, maxLength: 20 });

describe('report of rejections', () => {
  it('reads what it writes, and is the same in whatever order they came', () => {
    fc.assert(
      fc.property(rejections, (all) => {
        const data = encodeRejections(all);
        assert.deepEqual(encodeRejections([...all].reverse()), data);
        const byKey = (a: Rejection, b: Rejection) => (rejectionKey(a) < rejectionKey(b) ? -1 : 1);
        assert.deepEqual(parseRejections(data), [...all].sort(byKey));
      }),
    );
  });

  it('is bounded, whatever Envoy says', () => {
    const long = { type: 'listeners', version: '1', message: 'é'.repeat(100_000) } as const;
    const origins = Array.from({ length: 500 }, (_, i) => ({ group: '', kind: 'Gateway', name: `g${i}`.padEnd(200) }));
    const all = Array.from({ length: 1000 }, (_, i) => ({ ...long, name: `l${i}`, origins }));
    const data = encodeRejections(all);
    const size = Object.values(data).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    assert.ok(size <= 256 << 10, `${size} bytes`);
    assert.ok(parseRejections(data).length > 10);
  });

  it('takes no harm from what is none', () => {
    const good = { type: 'routes', name: 'r', version: 'v', message: 'm', origins: [] };
    const parse = (value: unknown) => parseRejections({ 'rejections.json': JSON.stringify(value) });
    assert.deepEqual(parse([good, null, 1, {}, { ...good, type: '__proto__' }, { ...good, origins: [null] }]), [good]);
    assert.deepEqual(parseRejections({}), []);
    assert.deepEqual(parseRejections({ 'rejections.json': '{' }), []);
    fc.assert(fc.property(fc.jsonValue(), (value) => void parse(value)));
    const nearly = fc.jsonValue().map((origins) => ({ ...good, origins }));
    fc.assert(fc.property(fc.array(nearly), (value) => void parse(value)));
    fc.assert(fc.property(fc.string(), (text) => void parseRejections({ 'rejections.json': text })));
  });

  it('is named after the node, as far as a name may be long', () => {
    assert.equal(rejectionReportName('node-1.example.com'), 'sluice-rejections-node-1.example.com');
    assert.equal(rejectionReportName(`${'a'.repeat(234)}.b`), `sluice-rejections-${'a'.repeat(234)}`);
  });
});

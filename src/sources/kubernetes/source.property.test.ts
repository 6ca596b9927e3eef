import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { configMap } from '../testing/conformance.ts';
import { SourceRig } from './testing/rig.ts';

const names = ['a', 'b', 'c', 'd', 'e'];

type Step =
  | { readonly op: 'write'; readonly name: string; readonly value: string }
  | { readonly op: 'remove'; readonly name: string }
  | { readonly op: 'trouble'; readonly what: (typeof troubles)[number] }
  | { readonly op: 'turn' };

const troubles = [
  'end',
  'cut',
  'cut in an event',
  'compact',
  'bookmark',
  'restart',
  'stall',
  'garble',
  'refuse',
] as const;

describe('Kubernetes source properties', () => {
  let rig: SourceRig;
  beforeEach(async () => {
    rig = await SourceRig.start();
  });
  afterEach(() => rig.close());

  async function trouble(what: (typeof troubles)[number]): Promise<void> {
    const { server } = rig;
    if (what === 'end') server.endWatches();
    else if (what === 'cut') server.cutWatches();
    else if (what === 'cut in an event') server.cutWatches(true);
    else if (what === 'compact') server.compact();
    else if (what === 'bookmark') server.bookmark();
    else if (what === 'garble') server.garble('{"type":\n');
    else if (what === 'stall') server.stalled = true;
    else if (what === 'refuse') {
      let refusals = 2;
      server.intercept = () => (refusals-- > 0 ? 503 : false);
      server.cutWatches();
    } else {
      await server.down();
      await server.up();
    }
  }

  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        op: fc.constant('write' as const),
        name: fc.constantFrom(...names),
        value: fc.constantFrom('1', '2', '3'),
      }),
    },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('remove' as const), name: fc.constantFrom(...names) }) },
    { weight: 3, arbitrary: fc.record({ op: fc.constant('trouble' as const), what: fc.constantFrom(...troubles) }) },
    { weight: 3, arbitrary: fc.constant({ op: 'turn' as const }) },
  );

  for (const streamLists of [true, false])
    it(`the sink has what the server has, whatever happens to watches (lists ${streamLists ? 'as streams' : 'in pages'})`, async () => {
      rig.server.streamLists = streamLists;
      await rig.open({ tuning: { idleTimeout: 30, pageSize: 2 } });
      let round = 0;
      const expected = () =>
        new Map(rig.server.objects('ConfigMap').map(({ metadata, data }) => [metadata?.name, data]));
      const found = () =>
        new Map(
          [...rig.recorder.objects.values()].map((object) => [
            object.metadata.name,
            object.kind === 'ConfigMap' ? { ...object.data } : undefined,
          ]),
        );
      // The recorder asserts on the way that nothing is told twice, and no more is deleted than was there.
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          for (const each of steps)
            if (each.op === 'write') rig.server.write({ ...configMap(each.name, each.value) });
            else if (each.op === 'remove') rig.server.remove('ConfigMap', each.name);
            else if (each.op === 'trouble') await trouble(each.what);
            else await new Promise(setImmediate);
          rig.server.stalled = false;
          const marker = `${++round}`;
          rig.server.write({ ...configMap('marker', marker) });
          // The marker may come with the first page of a list whose last page is still to come.
          await rig.until(() => rig.value('marker') === marker && isDeepStrictEqual(found(), expected()));
        }),
        { numRuns: 60 },
      );
    });
});

import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Resource, ResourceType } from '../mesh/envoy/resource.ts';
import { type CacheChanges, ResourceCache } from './cache.ts';
import { cluster, endpoints, listener, routeTable, scope, virtualHost } from './testing/resources.ts';
import { ScriptedClient } from './testing/scripted-client.ts';

/**
 * Random batches of changes against clients that answer late, in random order between types, refuse what holds the word
 * `bad-`, and lose their connection. Without a transport, so that every step is a step of the test.
 */

type Step =
  | { readonly do: 'apply'; readonly changes: readonly { readonly target: number; readonly value: number }[] }
  | { readonly do: 'swap'; readonly to: number; readonly bad: boolean }
  | { readonly do: 'answer'; readonly pick: number }
  | { readonly do: 'reconnect' }
  | { readonly do: 'block' }
  | { readonly do: 'drain' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('apply' as const),
      changes: fc.array(fc.record({ target: fc.nat(13), value: fc.nat(11) }), { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('swap' as const), to: fc.nat(2), bad: fc.boolean() }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('answer' as const), pick: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'reconnect' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'block' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'drain' }) },
);

const label = (value: number) => (value === 5 ? 'bad-5' : `v${value % 4}`);

/** Value 0 removes. */
function resourceFor(target: number, value: number): Resource {
  const n = target % 3;
  if (target < 3) return cluster(`c${n}`, label(value));
  if (target < 6) return endpoints(`c${n}`, 1000 + value);
  if (target < 8) return listener(`l${n}`, { statPrefix: label(value) });
  if (target < 10) return scope(`s${n}`, `t${value % 3}`);
  // Tables of up to three hosts; some of the expressions are bad.
  const hosts = [0, 1, 2].filter((i) => (value + i) % 3 !== 0);
  return routeTable(
    `t${n}`,
    hosts.map((i) =>
      virtualHost(`h${i}`, `c${(value + i) % 3}`, (value * 3 + i) % 5 === 1 ? `bad-${value}` : `v${value % 2}`),
    ),
  );
}

/** All tables go over to one cluster, and the others go: nothing dangles, unless the client refuses the new tables. */
function swap(to: number, bad: boolean): CacheChanges {
  const target = `c${to}`;
  const hosts = [virtualHost('h0', target, bad ? 'bad-swap' : undefined), virtualHost('h1', target)];
  return {
    set: [
      ...[cluster(target), endpoints(target, 1), scope('s0', 't0'), scope('s1', 't1')],
      ...['t0', 't1', 't2'].map((name) => routeTable(name, hosts)),
    ],
    remove: ['c0', 'c1', 'c2'].filter((name) => name !== target).map((name) => ({ type: 'clusters', name })),
  };
}

const keyOf = (target: number): { type: ResourceType; name: string } => {
  const { type, name } = resourceFor(target, 1);
  return { type, name };
};

/** What random runs found in tens of thousands: a change that is overtaken by the next one while something waits for it. */
const overtaken: Step[][] = [
  // A table that was refused in part is replaced by a good one while the search for the part goes on.
  [
    { do: 'answer', pick: 0 },
    { do: 'apply', changes: [change(8, 4), change(10, 2), change(0, 0)] },
    { do: 'answer', pick: 8 },
    { do: 'apply', changes: [change(1, 1), change(0, 0)] },
    { do: 'swap', to: 0, bad: false },
    { do: 'apply', changes: [change(10, 4)] },
  ],
  // A table goes while its last form, which a cluster's removal waits for, is on its way and then refused.
  [
    { do: 'swap', to: 1, bad: false },
    { do: 'reconnect' },
    { do: 'reconnect' },
    { do: 'swap', to: 0, bad: true },
    { do: 'answer', pick: 0 },
    { do: 'answer', pick: 0 },
    { do: 'apply', changes: [change(9, 0), change(0, 0)] },
    { do: 'apply', changes: [change(10, 0), change(0, 0)] },
  ],
  // A table goes with its cluster, and is back before the client has heard of either.
  [
    { do: 'swap', to: 0, bad: false },
    { do: 'reconnect' },
    { do: 'apply', changes: [change(10, 0), change(0, 0)] },
    { do: 'apply', changes: [change(10, 1), change(1, 1)] },
  ],
  // Endpoints go and come back while a changed cluster waits for them, and others of the name are unanswered.
  [
    { do: 'apply', changes: [change(0, 1)] },
    { do: 'answer', pick: 0 },
    { do: 'swap', to: 0, bad: false },
    { do: 'answer', pick: 0 },
    { do: 'apply', changes: [change(3, 0)] },
    { do: 'swap', to: 0, bad: false },
  ],
  // A table that was asked for is gone before the cluster that it had to wait for is acknowledged.
  [
    { do: 'swap', to: 0, bad: false },
    { do: 'apply', changes: [change(12, 0)] },
  ],
  // All that a new stream of the world has said was refused when a cluster goes that an earlier stream has sent.
  [
    { do: 'answer', pick: 0 },
    { do: 'swap', to: 0, bad: false },
    { do: 'reconnect' },
    { do: 'apply', changes: [change(0, 5), change(1, 0)] },
    { do: 'reconnect' },
    { do: 'swap', to: 1, bad: false },
  ],
  // What came beside something bad was taken in; the next form is refused in a part that was right before.
  [
    { do: 'swap', to: 2, bad: false },
    { do: 'reconnect' },
    { do: 'answer', pick: 3 },
    { do: 'apply', changes: [change(12, 4), change(10, 7)] },
    { do: 'swap', to: 2, bad: true },
  ],
  // It is taken back, and the client comes anew and says that it has what was before.
  [
    { do: 'swap', to: 0, bad: false },
    { do: 'answer', pick: 0 },
    { do: 'apply', changes: [change(1, 5), change(0, 1)] },
    { do: 'answer', pick: 0 },
    { do: 'swap', to: 0, bad: false },
    { do: 'reconnect' },
  ],
  // A cluster changes while its endpoints are about to go; they come back, and the cluster, which is gone by then, stays in use.
  [
    { do: 'answer', pick: 0 },
    { do: 'swap', to: 0, bad: false },
    { do: 'apply', changes: [change(3, 0), change(0, 6)] },
    { do: 'answer', pick: 0 },
    { do: 'swap', to: 0, bad: false },
    { do: 'swap', to: 1, bad: true },
  ],
  // The same over a reconnect: the client says that it has the endpoints, which are gone, and back before it has heard of that.
  [
    { do: 'apply', changes: [change(2, 1), change(0, 0)] },
    { do: 'swap', to: 2, bad: false },
    { do: 'apply', changes: [change(5, 0)] },
    { do: 'reconnect' },
    { do: 'swap', to: 2, bad: false },
  ],
];

function change(target: number, value: number): { target: number; value: number } {
  return { target, value };
}

const isBad = (body: Uint8Array) => Buffer.from(body).includes('bad-');

for (const protocol of ['delta', 'sotw'] as const) {
  describe(`convergence (${protocol})`, () => {
    it('whatever the order of changes, answers, refusals and reconnects, the client ends with all that it accepts', () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, partial) => {
          const cache = new ResourceCache();
          const client = new ScriptedClient({ cache, protocol, partial, refuse: isBad });
          for (const one of steps) {
            if (one.do === 'apply') {
              const set = new Map<string, Resource>();
              const remove = new Map<string, { type: ResourceType; name: string }>();
              for (const { target, value } of one.changes) {
                const key = keyOf(target);
                const id = `${key.type}/${key.name}`;
                set.delete(id);
                remove.delete(id);
                if (value === 0) remove.set(id, key);
                else set.set(id, resourceFor(target, value));
              }
              cache.apply({ set: [...set.values()], remove: [...remove.values()] });
            } else if (one.do === 'swap') cache.apply(swap(one.to, one.bad));
            else if (one.do === 'answer') client.answer(one.pick);
            else if (one.do === 'reconnect') client.reconnect();
            else if (one.do === 'block') client.block();
            else client.drain();
            client.flush();
          }
          client.settle();
          assert.equal(client.session.outstanding(cache.sequence), false, 'nothing is left to send');
          checkState(cache, client);
          for (const [type, names] of protocol === 'delta' ? client.asked : [])
            assert.deepEqual([...names], [], `nobody said whether there are ${type} of these names`);
          client.session.close();
        }),
        {
          numRuns: 400,
          examples: overtaken.flatMap((steps) => [true, false].map((partial): [Step[], boolean] => [steps, partial])),
        },
      );
    });
  });
}

/** The snapshot, but for what was refused: there an older form or none, never a bad one. */
function checkState(cache: ResourceCache, client: ScriptedClient): void {
  for (const type of ['clusters', 'listeners', 'scoped-routes'] as const) {
    const held = client.state(type);
    for (const [name, resource] of cache.all(type)) {
      const have = held.get(name);
      if (isBad(resource.body)) assert.ok(have === undefined || !isBad(have.body), `${type} ${name}`);
      else same(have, resource);
    }
    for (const name of held.keys()) {
      if (cache.get(type, name) !== undefined) continue;
      assert.ok(type === 'clusters' && client.ledger.all().length > 0, `${type} ${name} should be gone`);
    }
  }
  for (const [name, have] of client.state('endpoints')) {
    const resource = cache.get('endpoints', name);
    if (resource !== undefined) same(have, resource);
  }
  for (const name of client.warming) {
    assert.equal(cache.get('endpoints', name), undefined, `${name} never came for a cluster that waits for it`);
  }
  for (const [name, have] of client.state('routes')) {
    const resource = cache.get('routes', name);
    assert.ok(!isBad(have.body), `routes ${name}`);
    if (resource === undefined) continue;
    for (const fragment of resource.fragments ?? []) {
      const inside = Buffer.from(have.body).includes(fragment.bytes);
      assert.equal(inside, !isBad(fragment.bytes), `routes ${name} ${fragment.key}`);
    }
  }
}

function same(have: { readonly body: Uint8Array } | undefined, resource: Resource): void {
  assert.deepEqual(Buffer.from(have?.body ?? []), Buffer.from(resource.body), `${resource.type} ${resource.name}`);
}

import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  CidrIdentities,
  covers,
  LabelFilter,
  type Labels,
  LOCAL_IDENTITIES,
  labelsOfMap,
  labelsToMap,
  makeLabels,
  NodeIdentities,
  nodeLabels,
  type Prefix,
  parsePrefix,
  podLabels,
  remoteNodeLabels,
  reservedIdentities,
  scopeOf,
} from './index.ts';

const prefix = (text: string) => parsePrefix(text) as Prefix;

describe('labels', () => {
  const label = fc.record({
    source: fc.constantFrom('k8s', 'reserved', 'cidr'),
    key: fc.stringMatching(/^[a-z][a-z./-]{0,12}$/),
    value: fc.stringMatching(/^[a-z=.-]{0,8}$/),
  });

  it('are the same whatever the order they come in, and survive being an object’s', () => {
    fc.assert(
      fc.property(fc.uniqueArray(label, { selector: ({ source, key }) => `${source}:${key}` }), (labels) => {
        const made = makeLabels(labels);
        assert.deepEqual(makeLabels([...labels].reverse()), made);
        assert.deepEqual([...made].sort(), made);
        assert.deepEqual(labelsOfMap(labelsToMap(made)), made);
      }),
    );
  });

  it('are reserved ones without a sign of equality', () => {
    assert.deepEqual(labelsOfMap({ 'reserved:host': '', 'k8s:app': 'a', 'k8s:empty': '' }), [
      'k8s:app=a',
      'k8s:empty=',
      'reserved:host',
    ]);
  });
});

describe('label filter', () => {
  const keeps = (patterns: string, key: string, source = 'k8s') =>
    new LabelFilter(patterns).keeps({ source, key, value: '' });

  it('leaves out what differs on every pod and rollout, and keeps what policies ask for', () => {
    for (const key of [
      'pod-template-hash',
      'controller-revision-hash',
      'statefulset.kubernetes.io/pod-name',
      'topology.beta.kubernetes.io/zone',
      'io.kubernetes.other',
      'annotation.x',
    ])
      assert.equal(keeps('', key), false, key);
    for (const key of [
      'app',
      'app.kubernetes.io/name',
      'io.kubernetes.pod.namespace',
      'io.cilium.k8s.namespace.labels.team',
      'io.cilium.k8s.policy.cluster',
    ])
      assert.equal(keeps('', key), true, key);
  });

  it('with patterns of the user’s own that say what is in keeps nothing else, but what the mesh needs', () => {
    assert.equal(keeps('app', 'app'), true);
    assert.equal(keeps('app', 'tier'), false);
    assert.equal(keeps('app', 'io.kubernetes.pod.namespace'), true);
    assert.equal(keeps('!tier', 'app'), true);
    assert.equal(keeps('!tier', 'tier'), false);
  });

  it('lets the longest match decide, and a source be asked for', () => {
    assert.equal(keeps('!app app-stable', 'app-stable'), true);
    assert.equal(keeps('app !app-stable', 'app-stable'), false);
    assert.equal(keeps('!app app', 'app'), false);
    assert.equal(keeps('!container:app', 'app'), true);
    assert.equal(keeps('!container:app', 'app', 'container'), false);
  });

  it('leaves in where a pod is and who it runs as, whatever the patterns are', () => {
    const pod = { labels: { app: 'a' }, namespace: 'shop', namespaceLabels: { team: 'a' }, cluster: 'c' };
    for (const patterns of ['!io\\.kubernetes\\.pod\\.namespace !io\\.cilium\\..* !app', '!.*'])
      assert.deepEqual(podLabels(pod, new LabelFilter(patterns)), [
        'k8s:io.cilium.k8s.policy.cluster=c',
        'k8s:io.cilium.k8s.policy.serviceaccount=default',
        'k8s:io.kubernetes.pod.namespace=shop',
      ]);
  });

  it('is not told what a pod’s namespace is by the pod', () => {
    const forged = { 'io.kubernetes.pod.namespace': 'kube-system', 'io.cilium.k8s.policy.serviceaccount': 'root' };
    const labels = podLabels(
      { labels: { app: 'a', ...forged }, namespace: 'shop', namespaceLabels: {}, cluster: 'c' },
      new LabelFilter(),
    );
    assert.deepEqual(labels, [
      'k8s:app=a',
      'k8s:io.cilium.k8s.policy.cluster=c',
      'k8s:io.cilium.k8s.policy.serviceaccount=default',
      'k8s:io.kubernetes.pod.namespace=shop',
    ] satisfies Labels);
  });
});

describe('prefixes', () => {
  it('have one text each, and no text that is none', () => {
    assert.equal(parsePrefix('10.1.2.3/8')?.text, '10.0.0.0/8');
    assert.equal(parsePrefix('10.1.2.3')?.text, '10.1.2.3/32');
    assert.equal(parsePrefix('2001:DB8:0:0::1')?.text, '2001:db8::1/128');
    assert.equal(parsePrefix('::/0')?.text, '::/0');
    for (const text of [
      '',
      '10.0.0.0/33',
      '10.0.0.0/',
      '10.0.0.0/08',
      '10.0.0/8',
      '::/129',
      'fe80::1%eth0',
      '10.0.0.0/-1',
    ])
      assert.equal(parsePrefix(text), undefined, text);
  });

  it('cover what has their bits, in their family', () => {
    assert.ok(covers(prefix('10.0.0.0/8'), prefix('10.9.0.0/16')));
    assert.ok(!covers(prefix('10.9.0.0/16'), prefix('10.0.0.0/8')));
    assert.ok(covers(prefix('::/0'), prefix('2001:db8::/32')));
    assert.ok(!covers(prefix('::/0'), prefix('10.0.0.0/8')));
    assert.ok(!covers(prefix('10.0.0.0/8'), prefix('11.0.0.0/8')));
  });
});

describe('identities of networks', () => {
  it('are one for each network in use, never one for two, with numbers of this node alone', () => {
    const step = fc.tuple(fc.boolean(), fc.nat({ max: 30 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const identities = new CidrIdentities();
        const users = new Map<string, { count: number; id: number }>();
        for (const [acquire, number] of steps) {
          const of = prefix(`10.${number}.0.0/16`);
          const held = users.get(of.text);
          if (acquire) {
            const { identity, created } = identities.acquire(of);
            assert.equal(created, held === undefined);
            assert.equal(scopeOf(identity.id), 'node-local');
            if (held !== undefined) assert.equal(identity.id, held.id);
            users.set(of.text, { count: (held?.count ?? 0) + 1, id: identity.id });
          } else if (held !== undefined) {
            const gone = identities.release(of);
            assert.equal(gone !== undefined, held.count === 1);
            if (held.count === 1) users.delete(of.text);
            else users.set(of.text, { ...held, count: held.count - 1 });
          }
          assert.equal(new Set([...users.values()].map(({ id }) => id)).size, users.size);
          assert.equal(identities.size, users.size);
        }
      }),
    );
  });

  it('do not get a number that was somebody’s just now', () => {
    const identities = new CidrIdentities();
    const { identity } = identities.acquire(prefix('10.0.0.0/8'));
    identities.release(prefix('10.0.0.0/8'));
    assert.notEqual(identities.acquire(prefix('11.0.0.0/8')).identity.id, identity.id);
  });

  it('have the numbers again that the kernel has for them, and others keep off these until they are forgotten', () => {
    const identities = new CidrIdentities();
    const first = LOCAL_IDENTITIES.first;
    identities.restore([
      ['10.0.0.0/8', first + 1],
      ['11.0.0.0/8', first],
      ['12.0.0.0/8', first],
      ['13.0.0.0/8', 300],
    ]);
    assert.ok(identities.acquire(prefix('12.0.0.0/8')).identity.id > first + 1);
    assert.ok(identities.acquire(prefix('13.0.0.0/8')).identity.id > first + 1);
    assert.equal(identities.acquire(prefix('11.0.0.0/8')).identity.id, first);
    identities.forget();
    assert.ok(identities.acquire(prefix('10.0.0.0/8')).identity.id > first + 1);
  });

  it('of everything in a family are reserved', () => {
    const identities = new CidrIdentities();
    assert.deepEqual(
      ['0.0.0.0/0', '::/0'].map((text) => identities.acquire(prefix(text)).identity.id),
      [9, 10],
    );
    for (const text of ['0.0.0.0/0', '::/0']) {
      const { id, labels } = identities.of(text)!;
      assert.deepEqual(reservedIdentities.find((one) => one.id === id)?.labels, labels);
    }
  });
});

describe('identities of other nodes', () => {
  const labelsOf = (labels: Record<string, string>, isApiServer = false) =>
    remoteNodeLabels(nodeLabels(labels, new Set(['zone', 'role'])), isApiServer);

  it('are the reserved ones where no policy tells nodes apart', () => {
    const identities = new NodeIdentities();
    const all = [labelsOf({ other: 'x' }), labelsOf({}, true)];
    assert.deepEqual(identities.update(all), { removed: [], added: [] });
    assert.deepEqual(
      all.map((labels) => identities.numberOf(labels)),
      [6, 7],
    );
  });

  it('are one for equal labels, which the entities go on to select', () => {
    const identities = new NodeIdentities();
    const [a, b, server] = [
      labelsOf({ zone: 'a', x: '1' }),
      labelsOf({ zone: 'a', x: '2' }),
      labelsOf({ zone: 'a' }, true),
    ];
    const { added } = identities.update([a, b, server]);
    assert.deepEqual(
      added.map(({ labels }) => labels),
      [
        ['node:zone=a', 'reserved:remote-node'],
        ['node:zone=a', 'reserved:kube-apiserver', 'reserved:remote-node'],
      ],
    );
    assert.equal(identities.numberOf(a), identities.numberOf(b));
    assert.deepEqual(identities.update([server]).removed, [added[0]]);
  });

  it('have numbers that no other labels have, and the same ones again after a restart', () => {
    const labels = fc.record({ zone: fc.stringMatching(/^[a-z0-9]{0,3}$/), role: fc.constantFrom('', 'worker') });
    fc.assert(
      fc.property(fc.array(fc.array(labels, { maxLength: 20 }), { maxLength: 5 }), (rounds) => {
        const identities = new NodeIdentities();
        const known = new Map<number, string>();
        for (const round of rounds) {
          const all = round.map((one) => labelsOf(one));
          const { added, removed } = identities.update(all);
          for (const { id } of removed) assert.ok(known.delete(id));
          for (const { id, labels: of } of added) {
            assert.equal(scopeOf(id), 'remote-node');
            assert.ok(!known.has(id));
            known.set(id, of.join());
          }
          for (const one of all) assert.equal(known.get(identities.numberOf(one)), one.join());
          const restarted = new NodeIdentities();
          restarted.update(all.toReversed());
          for (const one of all) assert.equal(restarted.numberOf(one), identities.numberOf(one));
        }
      }),
    );
  });
});

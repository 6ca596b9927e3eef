import assert from 'node:assert/strict';
import { mock } from 'node:test';
import fc from 'fast-check';
import { type Prefix, parsePrefix, reservedIdentities } from '../identity/index.ts';
import { compareRules, strength } from './class-entries.ts';
import { evaluate, type Party } from './evaluate.ts';
import type { PolicyEngine, SubjectPolicy } from './index.ts';
import type { Direction } from './policy-entry.ts';
import { addresses, podLabelsArbitrary } from './testing/arbitrary.ts';
import { describeEntries, Kernel } from './testing/lookup.ts';
import { allowLocalhost, Model, newEngine, nodeAddresses, type Write, writeArbitrary } from './testing/model.ts';

const runs = Number(process.env.FC_RUNS ?? 60);

function play(writes: readonly Write[]) {
  const engine = newEngine();
  const kernel = new Kernel();
  const model = new Model();
  const held: SubjectPolicy[] = [];
  const flush = () => {
    kernel.apply(engine.flush());
    for (const subject of engine.subjects()) {
      const map = kernel.maps.get(subject.id) ?? new Map();
      assert.deepEqual(describeEntries(engine, subject.entries()), describeEntries(engine, map.values()));
      assert.equal(subject.entryCount, map.size);
    }
  };
  for (const write of [...writes, { do: 'flush' } as const]) model.write(write, engine, held, flush);
  return { engine, kernel, model, held };
}

const writesArbitrary = fc.array(writeArbitrary, { minLength: 20, maxLength: 40, size: 'max' });

describe('policy engine, properties', function () {
  this.timeout(120_000);

  it('what the changes add up to is what an engine says that is told everything at once, in another order', () => {
    fc.assert(
      fc.property(writesArbitrary, (writes) => {
        const { engine, model, held, kernel } = play(writes);
        const other = model.rebuild();
        const rebuilt = new Kernel();
        rebuilt.apply(other.engine.flush());
        assert.deepEqual([...kernel.ipcache.keys()].sort(), [...rebuilt.ipcache.keys()].sort());
        held.forEach((subject, i) => {
          const twin = other.held[i]!;
          assert.deepEqual(
            describeEntries(engine, kernel.maps.get(subject.id)?.values() ?? []),
            describeEntries(other.engine, rebuilt.maps.get(twin.id)?.values() ?? []),
          );
          for (const direction of ['ingress', 'egress'] as const)
            assert.deepEqual(plain(subject, direction), plain(twin, direction));
        });
        assert.deepEqual(selectorsOf(engine), selectorsOf(other.engine));
      }),
      { numRuns: runs },
    );
  });

  it('what the maps decide of a packet is what the evaluator decides', () => {
    fc.assert(
      fc.property(writesArbitrary, (writes) => {
        const { engine, kernel, model, held } = play(writes);
        const world = { ...engine.world(), enforcement: model.mode, allowLocalhost, ...model.sources() };
        for (const subject of new Set(held)) {
          const who = { kind: subject.kind, labels: subject.labels, namedPorts: subject.namedPorts };
          for (const { party, identity } of parties(engine, kernel, model)) {
            for (const direction of ['ingress', 'egress'] as const) {
              for (const [protocol, port] of packets) {
                const found = kernel.judge(subject, { direction, identity, protocol, port });
                const right = evaluate({ direction, subject: who, peer: party, protocol, port }, world);
                const about = `${direction} ${protocol}/${port} ${party.address?.text ?? identity}`;
                assert.equal(found.verdict, right.verdict, about);
                if (found.entry === undefined) continue;
                // What is named is one of the rules that decide alike.
                const { rule, verdict } = found.entry;
                assert.ok(
                  right.matches.some((one) => one.verdict === verdict && compareRules(one.rule, rule) === 0),
                  `${about} by ${rule.path}`,
                );
              }
            }
          }
        }
      }),
      { numRuns: runs },
    );
  });

  it('whoever is treated alike has what was allowed allowed by the same rule', () => {
    fc.assert(
      fc.property(writesArbitrary, (writes) => {
        const { engine, kernel, held } = play(writes);
        const all = Array.from(engine.identities(), ({ id }) => id);
        for (const subject of new Set(held))
          for (const was of all)
            for (const is of all) {
              if (!subject.treatsAlike(was, is)) continue;
              for (const direction of ['ingress', 'egress'] as const)
                for (const [protocol, port] of few) {
                  const before = kernel.judge(subject, { direction, identity: was, protocol, port });
                  if (before.verdict === 'deny') continue;
                  const after = kernel.judge(subject, { direction, identity: is, protocol, port });
                  assert.deepEqual([after.verdict, after.entry?.rule], [before.verdict, before.entry?.rule]);
                }
            }
      }),
      { numRuns: Math.ceil(runs / 4) },
    );
  });

  it('on the way from one policy to the next nothing passes that neither lets pass, and nothing is dropped that both do', () => {
    fc.assert(
      fc.property(writesArbitrary, writesArbitrary, (before, after) => {
        const { engine, kernel, model, held } = play(before);
        const nodes = () =>
          model.nodeIdentities(engine).map(({ name, identity }) => ({
            prefix: parsePrefix(nodeAddresses[name]) as Prefix,
            id: identity,
          }));
        kernel.apply({ revision: 0, steps: [] }, undefined, nodes());
        const old = new Set(held);
        for (const write of after)
          if (write.do === 'policy' || write.do === 'no policy' || write.do === 'prefixes')
            model.write(write, engine, held, () => undefined);
        const phases = [{ changes: engine.flush(), said: nodes() }];
        if (model.settleNodes(engine)) phases.push({ changes: engine.flush(), said: nodes() });
        const target = new Kernel(kernel);
        for (const { changes, said } of phases) target.apply(changes, undefined, said);
        const judge = (by: Kernel, subject: SubjectPolicy) =>
          [...addresses, ...Object.values(nodeAddresses)].flatMap((address) =>
            (['ingress', 'egress'] as const).flatMap((direction) =>
              few.map(([protocol, port]) => {
                const packet = { direction, identity: by.identityOf(address), protocol, port };
                return by.judge(subject, packet).verdict;
              }),
            ),
          );
        for (const subject of [...old].slice(0, 2)) {
          const from = judge(kernel, subject);
          const to = judge(target, subject);
          const now = new Kernel(kernel);
          const look = () => {
            judge(now, subject).forEach((verdict, i) => {
              const allowed = [from[i], to[i]];
              if (verdict === 'allow') assert.ok(allowed.includes('allow'));
              if (verdict === 'redirect') assert.notDeepEqual(allowed, ['deny', 'deny']);
              if (verdict === 'deny') assert.ok(allowed.includes('deny'));
            });
          };
          for (const { changes, said } of phases) now.apply(changes, look, said);
        }
      }),
      { numRuns: Math.ceil(runs / 10) },
    );
  });

  it('a hundred identities at once are what they are one by one', () => {
    fc.assert(
      fc.property(writesArbitrary, fc.array(podLabelsArbitrary, { minLength: 70, maxLength: 90 }), (writes, all) => {
        const [together, apart] = [play(writes), play(writes)];
        all.forEach((labels, i) => {
          together.engine.setIdentity({ id: 1000 + i, labels });
          apart.engine.setIdentity({ id: 1000 + i, labels });
          apart.kernel.apply(apart.engine.flush());
        });
        together.kernel.apply(together.engine.flush());
        for (const [id, map] of together.kernel.maps)
          assert.deepEqual(
            describeEntries(together.engine, map.values()),
            describeEntries(apart.engine, apart.kernel.maps.get(id)!.values()),
          );
      }),
      { numRuns: Math.ceil(runs / 5) },
    );
  });

  it('a flush after nothing, or after the same again, changes nothing', () => {
    fc.assert(
      fc.property(writesArbitrary, (writes) => {
        const { engine, model } = play(writes);
        for (const policy of model.policies.values()) engine.setPolicy(structuredClone(policy));
        for (const [id, labels] of model.identities) engine.setIdentity({ id, labels: [...labels] });
        for (const [name, prefixes] of model.prefixSets) engine.setPrefixSet(name, prefixes);
        assert.deepEqual(engine.flush().steps, []);
      }),
      { numRuns: Math.ceil(runs / 3) },
    );
  });

  it('a flush after nothing asks no subject', () => {
    const engine = newEngine();
    const subject = engine.subject(['k8s:app=web'], []);
    const watch = mock.method(subject as unknown as { settle: () => unknown }, 'settle');
    engine.flush();
    const before = watch.mock.callCount();
    assert.ok(before > 0);
    for (let i = 0; i < 3; i++) assert.deepEqual(engine.flush().steps, []);
    assert.equal(watch.mock.callCount(), before);
    engine.setIdentity({ id: 300, labels: ['k8s:app=web'] });
    engine.flush();
    assert.ok(watch.mock.callCount() > before);
  });

  it('when all policies and subjects are gone, so is everything that was made for them', () => {
    fc.assert(
      fc.property(writesArbitrary, (writes) => {
        const { engine, kernel, held } = play(writes);
        for (const subject of held) engine.release(subject);
        kernel.apply(engine.flush());
        assert.deepEqual([...engine.selectors()], []);
        assert.equal(engine.cidrs.size, 0);
        assert.equal(kernel.ipcache.size, 0);
      }),
      { numRuns: Math.ceil(runs / 3) },
    );
  });
});

/** Ports at the edges of what policies of these tests name. */
const packets: readonly (readonly [number, number])[] = [
  ...[0, 53, 79, 80, 81, 443, 8080, 8443, 65535].map((port) => [6, port] as const),
  ...[53, 80].map((port) => [17, port] as const),
  [132, 80],
  [1, 8],
  [58, 128],
  [47, 0],
];

/** For what looks at the kernel after each single write. */
const few = packets.filter(([protocol, port]) => protocol !== 6 || [53, 80, 443].includes(port));

function parties(engine: PolicyEngine, kernel: Kernel, model: Model): { party: Party; identity: number }[] {
  const known = [...model.identities].map(([identity, labels]) => ({
    identity,
    party: { labels, namedPorts: model.portsOf(identity) },
  }));
  const nodes = model
    .nodeIdentities(engine)
    .map(({ identity, labels }) => ({ identity, party: { labels, namedPorts: [] } }));
  const isKnown = (id: number) => nodes.some(({ identity }) => identity === id);
  const ours = reservedIdentities
    .filter(({ prefix, id }) => prefix === undefined && id !== 2 && !isKnown(id))
    .map(({ id, labels }) => ({ identity: id, party: { labels, namedPorts: [] } }));
  const outside = addresses.map((text) => {
    const identity = kernel.identityOf(text);
    const labels = identity === 2 ? ['reserved:world'] : engine.identity(identity)!.labels;
    return { identity, party: { labels, address: parsePrefix(text) as Prefix, namedPorts: [] } };
  });
  return [...known, ...nodes, ...ours, ...outside];
}

function plain(subject: SubjectPolicy, direction: Direction) {
  const { enforced, defaultDeny, selectedBy } = subject.enforcement[direction];
  return { enforced, defaultDeny, selectedBy: selectedBy.map(({ policy, path }) => ({ policy, path })) };
}

function selectorsOf(engine: PolicyEngine) {
  return [...engine.selectors()]
    .map(({ selector, identities }) => ({
      selector,
      identities: identities.map((id) => engine.cidrs.get(id)?.prefix.text ?? id).sort(),
    }))
    .sort((a, b) => (a.selector < b.selector ? -1 : 1));
}

assert.ok(strength.deny > strength.redirect && strength.redirect > strength.allow);

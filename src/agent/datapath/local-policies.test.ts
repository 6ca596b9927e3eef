import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parsePolicyRules } from '../../api/index.ts';
import { PolicyEngine } from '../../network/policy/index.ts';
import { LocalPolicies } from './local-policies.ts';

const rule = (app: string) => ({
  endpointSelector: { matchLabels: { app } },
  ingressDeny: [{ fromEntities: ['all'] }],
});

function written(...raws: object[]) {
  return raws.map((raw) => ({ raw, rule: parsePolicyRules([raw]).rules![0]! }));
}

describe('policies of one agent alone', () => {
  let dir: string;
  let path: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'sluice-policies-'));
    path = join(dir, 'state', 'policies.json');
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  function start() {
    const engine = new PolicyEngine({ cluster: 'default', enforcement: 'default', allowLocalhost: true });
    const policies = new LocalPolicies({ path, engine, apply: () => engine.flush() });
    policies.restore();
    engine.flush();
    return { engine, policies };
  }
  const names = (policies: LocalPolicies) => policies.list().map(({ metadata }) => metadata.name);

  it('are in force at once, each once, and gone when they are deleted', () => {
    const { engine, policies } = start();
    policies.add(written(rule('a'), rule('b'), rule('a')));
    policies.add(written(rule('b')));
    assert.deepEqual(names(policies), ['local-1', 'local-2']);
    assert.equal([...engine.world().rules].length, 2);
    policies.remove(new Set(['local-1', 'local-7']));
    assert.deepEqual(names(policies), ['local-2']);
    assert.equal([...engine.world().rules].length, 1);
  });

  it('are about whom they name, also about endpoints that are no pods', () => {
    const { engine, policies } = start();
    const subject = engine.subject(['container:app=a'], []);
    engine.setIdentity({ id: 300, labels: ['container:app=b'] });
    policies.add(
      written({
        endpointSelector: { matchLabels: { app: 'a' } },
        ingress: [{ fromEndpoints: [{ matchLabels: { app: 'b' } }] }],
      }),
    );
    const ingress = [...subject.entries()].filter(({ direction }) => direction === 'ingress');
    assert.deepEqual(
      ingress.filter(({ rule }) => rule.policy !== undefined).map(({ identity, verdict }) => [identity, verdict]),
      [[300, 'allow']],
    );
    assert.equal(subject.enforcement.ingress.enforced, true);
  });

  it('outlive the process, with their names, none of which is given twice', () => {
    const { policies } = start();
    policies.add(written(rule('a'), rule('b')));
    policies.remove(new Set(['local-2']));
    const next = start();
    assert.deepEqual(names(next.policies), ['local-1']);
    assert.equal([...next.engine.world().rules].length, 1);
    next.policies.add(written(rule('c')));
    assert.deepEqual(names(next.policies), ['local-1', 'local-3']);
  });

  it('are left aside, and said to be out of force, where they cannot be read; no number comes twice', async () => {
    start().policies.add(written(rule('a')));
    const used = new Set(['local-1']);
    for (const spoil of [
      () => '{',
      () => '{"version": 9}',
      () => readFileSync(path, 'utf8').replace('"next"', '"nxt"'),
    ]) {
      const text = spoil();
      writeFileSync(path, text);
      const { policies } = start();
      assert.deepEqual(names(policies), []);
      assert.match(policies.problems()[0] ?? '', /not in force: .*policies\.json\.unreadable/);
      assert.equal(readFileSync(`${path}.unreadable`, 'utf8'), text);
      const next = start().policies;
      next.add(written(rule('b')));
      const [name = ''] = names(next);
      assert.ok(name !== '' && !used.has(name), name);
      used.add(name);
      // Numbers go on by the clock.
      await delay(2);
    }
    rmSync(path);
    mkdirSync(path);
    assert.match(start().policies.problems()[0] ?? '', /EISDIR/);
    assert.ok(statSync(path).isDirectory(), 'no file is where a directory is not moved');
  });

  it('are in force but for the one that cannot be read, which is named, and kept aside', () => {
    start().policies.add(written(rule('a'), rule('b'), rule('c')));
    const text = readFileSync(path, 'utf8').replace(/("app": "b"[\s\S]*?)"all"/, '$1"al"');
    writeFileSync(path, text);
    const { engine, policies } = start();
    assert.deepEqual(names(policies), ['local-1', 'local-3']);
    assert.equal([...engine.world().rules].length, 2);
    assert.equal(policies.problems().length, 1);
    assert.match(policies.problems()[0] ?? '', /policies\.json\.unreadable: local-2: .*al/);
    assert.equal(readFileSync(`${path}.unreadable`, 'utf8'), text);
    policies.add(written(rule('d')));
    const next = start().policies;
    assert.deepEqual(names(next), ['local-1', 'local-3', 'local-4']);
    assert.deepEqual(next.problems(), []);
  });

  it('change nothing where they cannot be written down', () => {
    const { engine, policies } = start();
    policies.add(written(rule('a')));
    rmSync(join(dir, 'state'), { recursive: true });
    writeFileSync(join(dir, 'state'), '');
    assert.throws(() => policies.add(written(rule('b'))), { code: 'LOCAL_POLICIES' });
    assert.throws(() => policies.remove(new Set(['local-1'])), { code: 'LOCAL_POLICIES' });
    assert.deepEqual(names(policies), ['local-1']);
    assert.equal([...engine.world().rules].length, 1);
  });
});

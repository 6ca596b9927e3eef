import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '../lib/fault.ts';
import { findHelm, helmFault, runHelm, targetFlags, uninstallTimeout, valueFlags } from './helm.ts';

describe('Helm', () => {
  let dir: string;
  let helm: string;
  const write = (script: string) => {
    writeFileSync(helm, `#!/bin/sh\n${script}\n`);
    chmodSync(helm, 0o755);
  };
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'sluice-helm-'));
    helm = join(dir, 'helm');
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('is the one that SLUICE_HELM names, and no other; else the one on PATH; else a hint where to get one', () => {
    write('true');
    assert.equal(findHelm({ SLUICE_HELM: helm, PATH: '' }), helm);
    assert.equal(findHelm({ PATH: `/nowhere:${dir}` }), helm);
    for (const env of [
      { SLUICE_HELM: join(dir, 'none'), PATH: dir },
      { PATH: '/nowhere', HOME: '/nowhere' },
    ])
      assert.throws(
        () => findHelm(env),
        (error) => error instanceof Fault && error.code === 'HELM_NOT_FOUND' && /helm\.sh/.test(error.hint ?? ''),
      );
  });

  it('gets values on its standard input, and what it prints comes back', async () => {
    write('echo "args: $*"; cat');
    assert.equal(await runHelm(helm, ['install', 'x'], { input: '{"a":1}' }), 'args: install x\n{"a":1}');
  });

  it('may end before it has read its input', async () => {
    write('exit 0');
    assert.equal(await runHelm(helm, ['lint'], { input: 'x'.repeat(1 << 20) }), '');
  });

  it('is quoted when it fails, with a next step where there is one', async () => {
    write(
      'echo "WARNING: Kubernetes configuration file is group-readable" >&2; echo "Error: INSTALLATION FAILED: cannot re-use a name that is still in use" >&2; exit 1',
    );
    await assert.rejects(runHelm(helm, ['install', 'sluice']), (error) => {
      assert.ok(error instanceof Fault);
      assert.equal(error.message, 'helm install: INSTALLATION FAILED: cannot re-use a name that is still in use');
      assert.match(error.hint ?? '', /sluice upgrade/);
      return true;
    });
    assert.match(
      helmFault('upgrade', 'Error: UPGRADE FAILED: "sluice" has no deployed releases').hint ?? '',
      /sluice install/,
    );
    assert.match(
      helmFault('uninstall', 'Error: uninstall: Release not loaded: sluice: release: not found').hint ?? '',
      /--namespace/,
    );
    const late = 'Error: 1 error occurred:\n* failed post-delete: job sluice-cleanup failed: BackoffLimitExceeded';
    assert.match(helmFault('uninstall', late).hint ?? '', /Job sluice-cleanup/);
    assert.equal(helmFault('install', 'Error: something new').hint, undefined);
  });

  it('waits longer than it would when nodes have longer to be cleaned', async () => {
    const { signal } = new AbortController();
    for (const [timeout, flags] of [
      ['3m', ['--timeout', '300s']],
      ['10m', ['--timeout', '720s']],
      ['400s', ['--timeout', '520s']],
      ['1500ms', ['--timeout', '300s']],
    ] as const) {
      write(
        `test "$*" = "get values sluice -n mesh --all --output json" && echo '{"nodeCleanup": {"timeout": "${timeout}"}}'`,
      );
      assert.deepEqual(await uninstallTimeout(helm, ['-n', 'mesh'], signal), flags);
    }
    write('echo "Error: release: not found" >&2; exit 1');
    assert.deepEqual(await uninstallTimeout(helm, [], signal), []);
  });

  it('can be interrupted', async () => {
    write('exec sleep 60');
    const stop = new AbortController();
    const running = runHelm(helm, ['install'], { signal: stop.signal });
    stop.abort(new Error('interrupted'));
    await assert.rejects(running, /interrupted/);
  });

  it('is told where, and whose values win', () => {
    assert.deepEqual(targetFlags({ namespace: 'mesh', context: 'c' }), ['--namespace', 'mesh', '--kube-context', 'c']);
    assert.deepEqual(valueFlags({ files: ['a', 'b'], set: ['x=1'] }), [
      '--values',
      '-',
      '--values',
      'a',
      '--values',
      'b',
      '--set',
      'x=1',
    ]);
  });
});

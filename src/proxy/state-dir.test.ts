import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockStateDir } from './state-dir.ts';

describe('state directory', () => {
  let dir: string;
  let other: ChildProcess | undefined;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'sluice-state-'));
  });
  afterEach(() => {
    other?.kill('SIGKILL');
    rmSync(dir, { recursive: true });
  });

  it('is made private and held by one at a time', async () => {
    const path = join(dir, 'a/b');
    const held = await lockStateDir(path);
    assert.equal(statSync(path).mode & 0o777, 0o700);
    await assert.rejects(lockStateDir(path), {
      code: 'STATE_DIR_IN_USE',
      message: new RegExp(`process ${process.pid}$`),
    });
    await held.close();
    await held.close();
    await (await lockStateDir(path)).close();
  });

  it('is free again when its holder was killed', async () => {
    const script = `import { lockStateDir } from ${JSON.stringify(import.meta.resolve('./state-dir.ts'))};
      globalThis.held = await lockStateDir(${JSON.stringify(dir)}); console.log('held'); setInterval(() => {}, 1000);`;
    other = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(other.stdout!, 'data');
    await assert.rejects(lockStateDir(dir), { code: 'STATE_DIR_IN_USE', message: new RegExp(`process ${other.pid}$`) });
    other.kill('SIGKILL');
    await once(other, 'exit');
    await (await lockStateDir(dir)).close();
  });

  it('refuses one that others can write to, and a file', async () => {
    chmodSync(dir, 0o777);
    await assert.rejects(lockStateDir(dir), { code: 'STATE_DIR_OPEN' });
    chmodSync(dir, 0o700);
    writeFileSync(join(dir, 'file'), '');
    await assert.rejects(lockStateDir(join(dir, 'file')), { code: 'STATE_DIR_UNUSABLE' });
  });
});

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findEnvoy } from './find-envoy.ts';

describe('findEnvoy', () => {
  let dir: string;
  const install = (at: string, version: string): string => {
    mkdirSync(join(dir, at), { recursive: true });
    const path = join(dir, at, 'envoy');
    writeFileSync(path, `#!/bin/sh\necho "$0  version: 0123abc/${version}/Clean/RELEASE/BoringSSL"\n`);
    chmodSync(path, 0o755);
    return path;
  };
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'sluice-find-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));
  // A directory that is not on PATH must not matter; /bin is there for the scripts' own sake.
  const env = (extra: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
    PATH: `${join(dir, 'a')}:${join(dir, 'b')}`,
    ...extra,
  });

  it('prefers SLUICE_ENVOY, then PATH, then the download', async () => {
    const cached = install('cache', '1.40.0');
    assert.deepEqual(await findEnvoy({ env: env({}), cached }), { path: cached, version: '1.40.0' });
    const onPath = install('b', '1.41.2-dev');
    assert.deepEqual(await findEnvoy({ env: env({}), cached }), { path: onPath, version: '1.41.2' });
    const named = install('named', '2.0.0');
    assert.deepEqual(await findEnvoy({ env: env({ SLUICE_ENVOY: named }), cached }), { path: named, version: '2.0.0' });
  });

  it('passes over an old one on PATH, but not over an old SLUICE_ENVOY', async () => {
    const old = install('a', '1.9.9');
    const cached = install('cache', '1.40.0');
    assert.equal((await findEnvoy({ env: env({}), cached })).path, cached);
    await assert.rejects(findEnvoy({ env: env({ SLUICE_ENVOY: old }), cached }), { code: 'ENVOY_TOO_OLD' });
  });

  it('says what to do when there is none', async () => {
    const cached = join(dir, 'nowhere');
    await assert.rejects(findEnvoy({ env: env({}), cached }), { code: 'ENVOY_NOT_FOUND', hint: /make setup/ });
    await assert.rejects(findEnvoy({ env: env({ SLUICE_ENVOY: cached }), cached }), {
      ...{ code: 'ENVOY_NOT_FOUND', message: /SLUICE_ENVOY=.*nowhere/, hint: /make setup/ },
    });
  });

  it('refuses what is no Envoy', async () => {
    const path = install('a', '1.40.0');
    writeFileSync(path, '#!/bin/sh\necho hello\n');
    await assert.rejects(findEnvoy({ env: env({}), cached: path }), { code: 'ENVOY_UNUSABLE', message: /hello/ });
  });
});

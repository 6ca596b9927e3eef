import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inCluster, loadAccess } from './access.ts';
import { Credentials } from './credentials.ts';

describe('who we are to an API server', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-access-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const at = (name: string) => join(folder, name);
  const write = (name: string, content: unknown, mode = 0o600): string => {
    writeFileSync(at(name), typeof content === 'string' ? content : JSON.stringify(content), { mode });
    return at(name);
  };
  const kubeconfig = (name: string, user: Record<string, unknown> = {}, more: Record<string, unknown> = {}) => ({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    contexts: [{ name, context: { cluster: `${name}-cluster`, user: `${name}-user` } }],
    clusters: [{ name: `${name}-cluster`, cluster: { server: `https://${name}:6443/` } }],
    users: [{ name: `${name}-user`, user }],
    ...more,
  });
  const load = (environment: NodeJS.ProcessEnv, options = {}) => loadAccess(options, { HOME: folder, ...environment });
  const server = (environment: NodeJS.ProcessEnv, options = {}) => load(environment, options).cluster.server;
  const headers = (user: Record<string, unknown>) =>
    new Credentials(load({}, { kubeconfig: write('config', kubeconfig('a', user)) })).headers();

  it('is the current context of the file that is named, or another of it', () => {
    const config = kubeconfig('a');
    const other = kubeconfig('b');
    const both = {
      ...config,
      contexts: [...config.contexts, ...other.contexts],
      clusters: [...config.clusters, ...other.clusters],
      users: [...config.users, ...other.users],
    };
    const file = write('both', both);
    assert.equal(server({ KUBECONFIG: '/nowhere' }, { kubeconfig: file }), 'https://a:6443');
    assert.equal(server({}, { kubeconfig: file, context: 'b' }), 'https://b:6443');
    assert.throws(() => load({}, { kubeconfig: file, context: 'c' }), {
      code: 'KUBE_CONFIG',
      message: /no context c/,
      hint: /it has a, b/,
    });
  });

  it('is merged from the files of $KUBECONFIG, the first one first', () => {
    const first = write('1', kubeconfig('a'));
    const second = write('2', {
      ...kubeconfig('b'),
      ...{ clusters: [{ name: 'a-cluster', cluster: { server: 'https://wrong' } }, ...kubeconfig('b').clusters] },
    });
    const KUBECONFIG = `${first}:${at('absent')}:${second}`;
    assert.equal(server({ KUBECONFIG }), 'https://a:6443');
    assert.equal(server({ KUBECONFIG }, { context: 'b' }), 'https://b:6443');
  });

  it('is the service account of a Pod', async () => {
    write('token', 'abc\n');
    write('ca.crt', 'CA');
    write('namespace', 'kube-system\n');
    const access = inCluster('fd00::1', '443', folder);
    assert.equal(access.cluster.server, 'https://[fd00::1]:443');
    assert.equal(access.namespace, 'kube-system');
    const credentials = new Credentials(access);
    assert.deepEqual(await credentials.headers(), { authorization: 'Bearer abc' });
    assert.equal(String((await credentials.tls()).ca), 'CA');
    write('token', 'def');
    assert.ok(credentials.renew());
    assert.deepEqual(await credentials.headers(), { authorization: 'Bearer def' });
  });

  it('has files beside the kubeconfig', async () => {
    write('client.crt', 'CERT');
    write('client.key', 'KEY');
    const user = { 'client-certificate': 'client.crt', 'client-key': 'client.key' };
    const tls = await new Credentials(load({}, { kubeconfig: write('config', kubeconfig('a', user)) })).tls();
    assert.deepEqual([String(tls.cert), String(tls.key)], ['CERT', 'KEY']);
    rmSync(at('client.key'));
    await assert.rejects(new Credentials(load({}, { kubeconfig: at('config') })).tls(), {
      code: 'KUBE_CREDENTIALS',
      message: /client\.key/,
    });
  });

  it('is a token, a password, a token file, or somebody else', async () => {
    assert.deepEqual(await headers({ token: 'abc' }), { authorization: 'Bearer abc' });
    assert.deepEqual(await headers({ username: 'u', password: 'p' }), { authorization: 'Basic dTpw' });
    write('token', 'from a file\n');
    assert.deepEqual(await headers({ tokenFile: 'token' }), { authorization: 'Bearer from a file' });
    assert.deepEqual(await headers({ token: 'abc', as: 'jane' }), {
      authorization: 'Bearer abc',
      'impersonate-user': 'jane',
    });
    assert.deepEqual(await headers({}), {});
  });

  it('is what a plugin says, which is asked once, and again when the server does not take it', async () => {
    const script = `#!/bin/sh\necho x >> ${at('runs')}\ncat <<E\n{"status":{"token":"t-$(wc -l < ${at('runs')} | tr -d ' ')"}}\nE\n`;
    write('plugin', script, 0o700);
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: './plugin' };
    const credentials = new Credentials(load({}, { kubeconfig: write('config', kubeconfig('a', { exec })) }));
    const all = await Promise.all([credentials.headers(), credentials.headers()]);
    assert.deepEqual(all, [{ authorization: 'Bearer t-1' }, { authorization: 'Bearer t-1' }]);
    assert.deepEqual(await credentials.headers(), { authorization: 'Bearer t-1' });
    assert.ok(credentials.renew());
    assert.deepEqual(await credentials.headers(), { authorization: 'Bearer t-2' });
    assert.equal(readFileSync(at('runs'), 'utf8'), 'x\nx\n');
  });

  it('tells the plugin what plugins of large clouds ask for', async () => {
    write(
      'plugin',
      `#!/bin/sh\nprintf %s "$KUBERNETES_EXEC_INFO" > ${at('info')}\necho '{"status":{"token":"t"}}'\n`,
      0o700,
    );
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: at('plugin'), provideClusterInfo: true };
    await headers({ exec });
    const info = JSON.parse(readFileSync(at('info'), 'utf8'));
    assert.equal(info.kind, 'ExecCredential');
    assert.equal(info.spec.cluster.server, 'https://a:6443');
  });

  it('says which plugin failed, and what it said', async () => {
    write('plugin', '#!/bin/sh\necho log in first >&2\nexit 1\n', 0o700);
    await assert.rejects(headers({ exec: { command: at('plugin') } }), {
      code: 'KUBE_CREDENTIALS',
      message: /plugin: log in first$/,
      hint: /log in/,
    });
    await assert.rejects(headers({ exec: { command: at('absent') } }), { code: 'KUBE_CREDENTIALS' });
  });

  it('reads providers of old kubeconfigs', async () => {
    const expiry = new Date(Date.now() + 3_600_000).toISOString();
    const provider = { name: 'gcp', config: { 'access-token': 'old', expiry } };
    assert.deepEqual(await headers({ 'auth-provider': provider }), { authorization: 'Bearer old' });
  });

  it('says what is wrong with a kubeconfig', () => {
    const wrong = (content: unknown) => () => load({}, { kubeconfig: write('config', content) });
    assert.throws(() => load({}), { code: 'KUBE_CONFIG', message: /\.kube\/config/, hint: /--kubeconfig/ });
    assert.throws(wrong(''), { code: 'KUBE_CONFIG' });
    assert.throws(wrong('a: ['), { code: 'KUBE_CONFIG' });
    assert.throws(wrong({ ...kubeconfig('a'), 'current-context': '' }), {
      code: 'KUBE_CONFIG',
      message: /no current-context/,
    });
    assert.throws(wrong({ ...kubeconfig('a'), users: [] }), { code: 'KUBE_CONFIG', message: /no user a-user/ });
    assert.throws(wrong({ ...kubeconfig('a'), clusters: [{ name: 'a-cluster', cluster: {} }] }), {
      code: 'KUBE_CONFIG',
    });
  });
});

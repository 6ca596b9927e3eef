import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '../../lib/fault.ts';
import { buildProgram } from '../main.ts';

/** What an uninstall that failed leaves, in the order in which it goes. */
const left = [
  '/apis/apps/v1/namespaces/mesh/daemonsets/sluice-cleanup',
  '/apis/batch/v1/namespaces/mesh/jobs/sluice-cleanup',
  '/apis/rbac.authorization.k8s.io/v1/namespaces/mesh/rolebindings/sluice-cleanup',
  '/apis/rbac.authorization.k8s.io/v1/namespaces/mesh/roles/sluice-cleanup',
  '/api/v1/namespaces/mesh/serviceaccounts/sluice-cleanup',
];

describe('what an uninstall that failed has left', () => {
  let dir: string;
  let server: Server;
  /** Paths of objects. */
  let objects: Set<string>;
  /** How often Pods are looked for until they have ended. */
  let looks: number;
  const saved = process.env.SLUICE_HELM;

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'sluice-uninstall-'));
    objects = new Set(left);
    looks = 2;
    server = createServer(({ method, url = '' }, response) => {
      const { pathname, searchParams } = new URL(url, 'http://fake');
      const answer = (status: number, body: object) =>
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      if (pathname === '/version') return answer(200, { gitVersion: 'v1.34.0' });
      // CRDs, which an upgrade applies by itself.
      if (method === 'PATCH') return answer(200, {});
      if (method === 'GET' && !/\/customresourcedefinitions\/./.test(pathname)) {
        const isLook = searchParams.get('labelSelector')?.includes('sluice-cleanup-job') ?? false;
        if (isLook) log(`Pods left: ${--looks}`);
        return answer(200, { items: isLook && looks > 0 ? [{}] : [] });
      }
      if (!objects.delete(pathname)) return answer(404, { kind: 'Status', code: 404, reason: 'NotFound' });
      log(`${method} ${pathname} ${searchParams}`);
      return answer(200, { kind: 'Status' });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const cluster = { name: 'fake', cluster: { server: `http://127.0.0.1:${port}` } };
    const context = { name: 'fake', context: { cluster: 'fake', user: 'fake' } };
    const kubeconfig = { clusters: [cluster], contexts: [context], users: [{ name: 'fake', user: {} }] };
    writeFileSync(join(dir, 'kubeconfig'), JSON.stringify({ ...kubeconfig, 'current-context': 'fake' }));
    writeFileSync(
      join(dir, 'helm'),
      `#!/bin/sh\ncat > /dev/null\necho "helm $*" >> ${dir}/log\ntest $1 != get || echo '{"nodeCleanup": {"timeout": "10m"}}'\n`,
    );
    chmodSync(join(dir, 'helm'), 0o755);
    process.env.SLUICE_HELM = join(dir, 'helm');
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
    rmSync(dir, { recursive: true });
    if (saved === undefined) delete process.env.SLUICE_HELM;
    else process.env.SLUICE_HELM = saved;
  });

  const log = (line: string) => appendFileSync(join(dir, 'log'), `${line}\n`);
  /** What the API server and Helm were asked for, in this order. */
  async function sluice(...args: string[]): Promise<string[]> {
    const { write } = process.stderr;
    process.stderr.write = () => true;
    try {
      await buildProgram().parseAsync([...args, '--kubeconfig', join(dir, 'kubeconfig'), '-n', 'mesh'], {
        from: 'user',
      });
    } catch (error) {
      throw error instanceof Fault ? new Error(`${error.message} [${error.code}]`) : error;
    } finally {
      process.stderr.write = write;
    }
    return readFileSync(join(dir, 'log'), 'utf8')
      .split('\n')
      .map((line) => /^helm \w+/.exec(line)?.[0] ?? line)
      .filter((line) => line !== '');
  }
  const deleted = left.map((path) => `DELETE ${path} propagationPolicy=Background`);
  const helmFlags = () => readFileSync(join(dir, 'log'), 'utf8');

  for (const verb of ['install', 'upgrade'])
    it(`goes, with its Pods, before \`${verb}\` brings agents`, async () => {
      assert.deepEqual(await sluice(verb), [...deleted, 'Pods left: 1', 'Pods left: 0', `helm ${verb}`]);
    });

  it('goes with --no-node-cleanup, though the release has gone before', async () => {
    const asked = await sluice('uninstall', '--no-node-cleanup');
    assert.deepEqual(asked, [...deleted, 'Pods left: 1', 'Pods left: 0', 'helm uninstall']);
    assert.match(helmFlags(), /--no-hooks --ignore-not-found$/m);
  });

  it('is not missed where there is none: a release that is not there is an error then', async () => {
    objects.clear();
    assert.deepEqual(await sluice('uninstall', '--no-node-cleanup'), ['helm uninstall']);
    assert.doesNotMatch(helmFlags(), /--ignore-not-found/);
  });

  it('stays otherwise: it cleans a node that comes back', async () => {
    assert.deepEqual(
      (await sluice('uninstall')).filter((line) => !line.startsWith('helm')),
      [],
    );
    assert.deepEqual([...objects], left);
    assert.match(helmFlags(), /^helm uninstall .* --timeout 720s$/m);
  });
});

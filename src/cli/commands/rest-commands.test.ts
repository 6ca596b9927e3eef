import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { InvalidArgumentError } from 'commander';
import { type ApiServer, serveApi } from '../../agent/api-server.ts';
import { createRest } from '../../agent/rest/index.ts';
import { type MadeUpView, madeUpView } from '../../agent/rest/testing/made-up-view.ts';
import { record } from '../../flows/testing/records.ts';
import { Fault } from '../../lib/fault.ts';
import { createLog } from '../../lib/log.ts';
import { buildProgram } from '../main.ts';
import { dport } from './policy.ts';

const log = createLog({ level: 'silent', format: 'text' });

describe('commands that ask the REST API', () => {
  let dir: string;
  let server: ApiServer;
  let view: MadeUpView;
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'sluice-cli-'));
    view = madeUpView();
    const more = createRest(view, log);
    server = await serveApi({ socket: join(dir, 'agent.sock'), handlers: {}, publicPaths: [], more, log });
  });
  after(async () => {
    await server.close();
    rmSync(dir, { recursive: true });
  });

  function start(...args: string[]): ChildProcess {
    return spawn('tools/node', ['src/cli/main.ts', ...args], {
      env: { ...process.env, SLUICE_STATE_DIR: dir },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** In this process: a start of Node for each would take most of the time. */
  async function sluice(...args: string[]) {
    const write = process.stdout.write;
    const exitCode = process.exitCode;
    let stdout = '';
    let stderr = '';
    process.exitCode = 0;
    process.stdout.write = ((text: string) => {
      stdout += text;
      return true;
    }) as typeof write;
    try {
      await buildProgram().parseAsync(withStateDir(args), { from: 'user' });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      stderr = `${error.message} [${error.code}]\n${error.hint ?? ''}`;
      process.exitCode = 1;
    } finally {
      process.stdout.write = write;
    }
    const status = process.exitCode;
    process.exitCode = exitCode;
    return { status, stdout, stderr };
  }

  const withStateDir = (args: readonly string[]) =>
    args.includes('--state-dir') ? args : [...args, '--state-dir', dir];

  /** Lines with the blanks between columns made alike. */
  const lines = (text: string) =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.replace(/ {2,}/g, ' | ').trim());

  it('endpoint list: the columns of Cilium’s, a label a line', async () => {
    const { stdout, status } = await sluice('endpoint', 'list');
    assert.equal(status, 0);
    const [first, second, host, web, namespace] = lines(stdout);
    assert.equal(
      first,
      'ENDPOINT | POLICY (ingress) | POLICY (egress) | IDENTITY | LABELS (source:key[=value]) | IPv6 | IPv4 | STATUS',
    );
    assert.equal(second, '| ENFORCEMENT | ENFORCEMENT');
    assert.equal(host, '1 | Disabled | Disabled | 1 | reserved:host | No address | No address | ready');
    assert.equal(web, '17 | Enabled | Disabled | 300 | k8s:app=web | fd00::11 | 10.0.0.17 | ready');
    assert.equal(namespace, '| k8s:io.kubernetes.pod.namespace=shop');
  });

  it('endpoint get, log, health: by any id; one that is not there is said to be so', async () => {
    assert.equal((await sluice('endpoint', 'get', 'pod-name:shop:web-1', '-o', 'jsonpath={.id}')).stdout, '17\n');
    assert.match((await sluice('endpoint', 'log', '17')).stdout, /2023-11-14T22:13:20\.100Z +OK +ready +identity 300/);
    assert.match((await sluice('endpoint', 'health', '18')).stdout, /Warning +OK +Warning +yes/);
    const { status, stderr } = await sluice('endpoint', 'get', '99');
    assert.equal(status, 1);
    assert.match(stderr, /no endpoint 99 \[NO_ENDPOINT\]\n.*endpoint list/);
  });

  it('identity list and get', async () => {
    assert.match((await sluice('identity', 'list')).stdout, /^ID +LABELS \(source:key\[=value\]\)\n1 +reserved:host\n/);
    assert.match((await sluice('identity', 'list', '--endpoints')).stdout, /REFCOUNT\n1 +reserved:host +1\n/);
    assert.match(
      (await sluice('identity', 'get', '300', '-o', 'yaml')).stdout,
      /^id: 300\nlabels:\n {2}- k8s:app=web\n/,
    );
    assert.equal((await sluice('identity', 'get', '5')).status, 1);
  });

  it('ip list and get', async () => {
    const { stdout } = await sluice('ip', 'list', '-n', '-v');
    assert.deepEqual(lines(stdout).slice(0, 2), [
      'IP | IDENTITY | SOURCE | HOST | ENCRYPT_KEY',
      '10.0.0.17/32 | 300 | local (shop/web-1) | 192.168.0.1 | 0',
    ]);
    assert.match((await sluice('ip', 'get', '10.8.0.0/16')).stdout, /cidr:10\.8\.0\.0\/16 +policy\n +reserved:world/);
    assert.equal((await sluice('ip', 'get', '172.16.0.1')).status, 1);
    assert.equal((await sluice('ip', 'list', '172.16.0.1')).status, 0);
  });

  it('node list and get', async () => {
    const { stdout } = await sluice('node', 'list');
    assert.deepEqual(lines(stdout), [
      'Name | IPv4 Address | Endpoint CIDR | IPv6 Address | Endpoint CIDR',
      'default/node-1 | 192.168.0.1 | 10.0.0.0/24 | fd01::1 | fd00::/64',
      'default/node-2 | 192.168.0.2 | 10.0.1.0/24',
    ]);
    assert.match((await sluice('node', 'get', 'node-2', '-o', 'json')).stdout, /"ip": "192\.168\.0\.2"/);
  });

  it('map list and get', async () => {
    assert.deepEqual(lines((await sluice('map', 'list')).stdout), [
      'Name | Num entries | Num errors | Cache enabled',
      'endpoints | 2 | 1 | true',
      'conntrack4 | 0 | 0 | false',
    ]);
    assert.deepEqual(lines((await sluice('map', 'get', 'endpoints')).stdout), [
      'Key | Value | State | Error',
      '42 | id=17 mac=0200 address4={bytes=01} | ok',
      '43 | id=18 | insert | E2BIG',
    ]);
  });

  it('config: what there is, and a change that is all right or not made', async () => {
    const { stdout } = await sluice('config');
    assert.match(stdout, /PolicyAuditMode +Disabled +yes\n/);
    assert.match(stdout, /PolicyEnforcement +default +yes\nhost-firewall +true +no\n/);
    await sluice('config', 'PolicyAuditMode=Enabled', 'PolicyEnforcement=always');
    assert.deepEqual(view.changes.at(-1), { audit: true, policyEnforcement: 'always' });
    const before = view.changes.length;
    assert.match(
      (await sluice('config', 'PolicyAuditMode=Disabled', 'Nothing=1')).stderr,
      /Nothing is no option .*\[AGENT_ANSWER\]/,
    );
    assert.equal(view.changes.length, before);
  });

  it('metrics list', async () => {
    assert.deepEqual(lines((await sluice('metrics', 'list')).stdout), [
      'Metric | Labels | Value',
      'sluice_x | reason="no \\"way\\"" d="in" | 3',
      'sluice_y | 1500',
    ]);
    assert.deepEqual(lines((await sluice('metrics', 'list', '-p', '_y')).stdout).slice(1), ['sluice_y | 1500']);
  });

  it('policy list, get, selectors', async () => {
    assert.deepEqual(lines((await sluice('policy', 'list')).stdout)[1]?.split(' | '), [
      'CiliumNetworkPolicy',
      'shop',
      'web',
      '{"matchLabels":{"any:app":"web"}}',
      'ingress',
    ]);
    assert.match((await sluice('policy', 'selectors')).stdout, /k8s:app=cart +1 +301/);
    const map = lines((await sluice('policy', 'get', '17', '-n')).stdout);
    assert.deepEqual(map.slice(0, 4), [
      'POLICY | DIRECTION | IDENTITY | PORT/PROTO | PROXY PORT | BYTES | PACKETS | RULE',
      'Allow | Ingress | 1 | ANY | NONE | 0 | 0 | allow-localhost',
      'Allow | Ingress | 301 | 8080/TCP | NONE | 180 | 3 | shop/web ingress[0].toPorts[0]',
      'Deny | Ingress | 16777216 | 8000-8007/TCP | NONE | 0 | 0 | shop/web ingressDeny[0].toPorts[0]',
    ]);
    assert.match((await sluice('policy', 'get', '17')).stdout, /k8s:app=cart +8080\/TCP/);
  });

  it('policy trace: who is named in any way; the rule that decides; exit code 1 for denied', async () => {
    for (const src of ['18', 'shop/cart-1', 'identity:301', 'app=cart', 'world', '192.0.2.1']) {
      const { status, stdout, stderr } = await sluice(
        ...['policy', 'trace', '--src', src, '--dst', '10.0.0.17', '--dport', '8080/TCP'],
      );
      assert.equal(status, 0, stderr);
      assert.match(stdout, /ingress 8080\/TCP: allowed by shop\/web ingress\[0\]\.toPorts\[0\]/, src);
    }
    const denied = await sluice('policy', 'trace', '--src', 'shop/web-1', '--dst', 'shop/cart-1');
    assert.equal(denied.status, 1);
    assert.match(denied.stdout, /from k8s:app=web k8s:io\.kubernetes\.pod\.namespace=shop\n/);
    assert.match(denied.stdout, /ingress: denied\n {2}no rule allows it\n\nFinal verdict: DENIED\n$/);
    const nobody = await sluice('policy', 'trace', '--src', 'shop/nobody', '--dst', '17');
    assert.match(nobody.stderr, /shop\/nobody is no pod that this node knows \[NO_SUCH_SIDE\]/);
    for (const wrong of ['1/no', '70000', '', '80/TCP/x'])
      assert.throws(() => dport(wrong), InvalidArgumentError, wrong);
    assert.deepEqual(dport('http/tcp', dport('53/UDP')), [
      { protocol: 'UDP', port: 53 },
      { protocol: 'TCP', name: 'http' },
    ]);
  });

  it('monitor: what was, then what comes, until it is told to end', async () => {
    view.flows.receive(
      record({ type: 1, verdict: 2, reason: 133, rule: 0, matchPrefixlen: 0, location: (9 << 16) | 7 }),
    );
    view.flows.receive(record());
    const { stdout } = await sluice('monitor', '--last', '5', '--no-follow');
    const [dropped, forwarded] = lines(stdout);
    assert.match(
      dropped ?? '',
      /^[\d:.]{12} DROPPED ingress shop\/web-1:40000 \(300\) -> shop\/cart-1:80 \(301\) TCP SYN Policy denied, by shop\/cart ingress$/,
    );
    assert.match(forwarded ?? '', /FORWARDED ingress .* TCP SYN new by shop\/cart ingress\[0\]\.toPorts\[0\]$/);

    const child = start('monitor', '--last', '1', '--verdict', 'forwarded', '--to', 'shop/', '-n', '-o', 'text');
    assert.ok(child.stdout);
    const coming = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    assert.match((await coming.next()).value as string, /10\.0\.0\.17:40000/);
    view.flows.receive(record({ destinationPort: 443 }));
    assert.match((await coming.next()).value as string, /10\.0\.0\.18:443 \(301\)/);
    child.kill('SIGINT');
    const [status] = (await once(child, 'close')) as [number];
    assert.equal(status, 0);
  });

  it('say what is missing: no agent, an agent without a datapath', async () => {
    const none = await sluice('endpoint', 'list', '--state-dir', join(dir, 'none'));
    assert.equal(none.status, 1);
    assert.match(none.stderr, /no agent answers on .*none\/agent\.sock \[AGENT_NOT_RUNNING\]/);
    const socket = join(dir, 'other.sock');
    const bare = await serveApi({ socket, handlers: {}, publicPaths: [], log });
    try {
      for (const command of [['endpoint', 'list'], ['monitor']]) {
        const { stderr, status } = await sluice(...command, '--socket', socket);
        assert.equal(status, 1);
        assert.match(stderr, /\[NO_DATAPATH\]\n.*--datapath=ebpf/);
      }
    } finally {
      await bare.close();
    }
  });

  it('endpoint labels and config: what it has, and what is changed of it', async () => {
    const { stdout } = await sluice('endpoint', 'labels', '17');
    assert.deepEqual(lines(stdout), [
      'LABEL | IN ITS IDENTITY | GIVEN',
      'k8s:app=web | yes',
      'k8s:io.kubernetes.pod.namespace=shop | yes',
      'k8s:pod-template-hash=abc | no',
    ]);
    assert.equal((await sluice('endpoint', 'labels', '17', '-a', 'tier=front', 'a=b')).status, 0);
    assert.deepEqual(view.endpointCalls.at(-1), ['labels', 17, ['tier=front', 'a=b']]);
    assert.match((await sluice('endpoint', 'labels', '17', '-d', 'tier=front')).stderr, /NO_LABEL/);
    assert.match(
      (await sluice('endpoint', 'labels', '17', '-a', 'reserved:host')).stderr,
      /user\[0\] is "reserved:host"/,
    );
    assert.deepEqual(lines((await sluice('endpoint', 'config', '17')).stdout), [
      'OPTION | VALUE',
      'PolicyAuditMode | Disabled',
    ]);
    assert.equal((await sluice('endpoint', 'config', '17', 'PolicyAuditMode=Enabled')).status, 0);
    assert.deepEqual(view.endpointCalls.at(-1), ['audit', 17, true]);
    assert.match((await sluice('endpoint', 'config', '17', 'Debug=Enabled')).stderr, /options\.Debug is none/);
  });

  it('policy import and delete: rules of files and folders, checked before they are sent', async () => {
    const write = (name: string, text: string) => writeFileSync(join(dir, 'rules', name), text);
    mkdirSync(join(dir, 'rules'));
    const rule = (name: string) => ({
      endpointSelector: {},
      ingressDeny: [{}],
      labels: [{ key: 'name', value: name }],
    });
    write('a.json', JSON.stringify([rule('a'), rule('b')]));
    write('c.yaml', JSON.stringify(rule('c')));
    write('README.md', 'no rule');
    const imported = await sluice('policy', 'import', join(dir, 'rules'), '--print');
    assert.match(imported.stdout, /"value": "c"[\s\S]*\nRevision: 7\n$/, imported.stderr);
    const list = async () => lines((await sluice('policy', 'list')).stdout);
    assert.deepEqual(
      (await list()).slice(-3).map((line) => line.split(' | ').slice(0, 2)),
      [
        ['LocalPolicy', 'local-1'],
        ['LocalPolicy', 'local-2'],
        ['LocalPolicy', 'local-3'],
      ],
    );
    assert.equal((await sluice('policy', 'delete', 'name=a')).stdout, 'Revision: 7\n');
    assert.match((await sluice('policy', 'delete', 'name=a')).stderr, /no rule has the labels name=a \[NO_POLICY\]/);
    write('c.yaml', JSON.stringify({ ...rule('d'), ingres: [] }));
    assert.match(
      (await sluice('policy', 'import', join(dir, 'rules'))).stderr,
      /nothing is imported \[POLICY_INVALID\]/,
    );
    write('c.yaml', '{kind: CiliumNetworkPolicy}');
    assert.match((await sluice('policy', 'import', join(dir, 'rules', 'c.yaml'))).stderr, /an object, and not rules/);
    assert.match((await sluice('policy', 'import', join(dir, 'none'))).stderr, /ENOENT.* \[POLICY_FILE\]/);
    assert.equal((await sluice('policy', 'delete', '--all')).stdout, 'Revision: 7\n');
    assert.equal(
      (await list()).some((line) => line.startsWith('LocalPolicy')),
      false,
    );
  });
});

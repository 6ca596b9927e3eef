import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AddRequest, CniError, type CniHandler, type CniServer, cniCode, serveCni } from '../src/cni/index.ts';
import { Fault } from '../src/lib/fault.ts';
import { createLog } from '../src/lib/log.ts';
import { cniPlugin, type PluginRun, runPlugin } from './support/cni-plugin.ts';
import { LabNetwork, type Netns } from './support/lab-network.ts';

const config = { cniVersion: '1.1.0', name: 'sluice', type: 'sluice-cni' };
const environment = {
  ...{ CNI_CONTAINERID: 'c1', CNI_NETNS: '/var/run/netns/cni-1', CNI_IFNAME: 'eth0', CNI_PATH: '/opt/cni/bin' },
  CNI_ARGS: 'K8S_POD_NAMESPACE=default;K8S_POD_NAME=web',
};
const result = { interfaces: [{ name: 'eth0' }], ips: [{ address: '10.0.0.7/32', interface: 0 }], routes: [] };

describe('the CNI plugin', () => {
  let folder: string;
  let socket: string;
  let server: CniServer | undefined;
  let silent: Server | undefined;
  const connections = new Set<Socket>();

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-cni-'));
    socket = join(folder, 'cni.sock');
  });
  afterEach(async () => {
    await server?.close();
    server = undefined;
    for (const connection of connections) connection.destroy();
    silent?.close();
    rmSync(folder, { recursive: true });
  });

  const serve = async (handler: Partial<CniHandler>) => {
    const nothing = {
      add: async () => result,
      del: async () => {},
      check: async () => {},
      gc: async () => {},
      status: async () => {},
    };
    const log = createLog({ level: 'silent', format: 'text' });
    server = await serveCni({ socket, log, handler: { ...nothing, ...handler } });
  };
  const call = (command: string, settings: object | string = config, changed = {}): Promise<PluginRun> =>
    runPlugin({ ...environment, CNI_COMMAND: command, ...changed }, settings, socket);

  it('forwards ADD and prints the result', async () => {
    let got: AddRequest | undefined;
    await serve({
      add: async (request) => {
        got = request;
        return result;
      },
    });
    const { status, output } = await call('ADD');
    assert.equal(status, 0);
    assert.deepEqual(output, { cniVersion: '1.1.0', ...result, dns: {} });
    assert.deepEqual(got, {
      ...{ command: 'ADD', containerId: 'c1', ifname: 'eth0', netns: '/var/run/netns/cni-1' },
      ...{ pod: { namespace: 'default', name: 'web' }, config: { cniVersion: '1.1.0', name: 'sluice' } },
    });
  });

  it('prints nothing where there is nothing to say', async () => {
    await serve({});
    const settings = { ...config, prevResult: result, 'cni.dev/valid-attachments': [] };
    for (const command of ['DEL', 'CHECK', 'GC', 'STATUS'])
      assert.deepEqual(await call(command, settings), { status: 0, output: undefined }, command);
  });

  it('prints what the agent refuses, and ends with 1', async () => {
    await serve({
      add: async () => {
        throw new CniError(cniCode.tryAgainLater, 'no address is free', { details: 'a larger Pod CIDR' });
      },
      check: async () => {
        throw new Fault('NETLINK_EPERM', 'netlink: add veth slu1: EPERM', { hint: 'NET_ADMIN is needed' });
      },
      status: async () => {
        throw new CniError(cniCode.limitedConnectivity, 'no route to other nodes yet');
      },
    });
    const output = { cniVersion: '1.1.0', code: 11, msg: 'no address is free', details: 'a larger Pod CIDR' };
    assert.deepEqual(await call('ADD'), { status: 1, output });
    const { output: fault } = await call('CHECK', { ...config, prevResult: result });
    assert.deepEqual([fault?.code, fault?.details], [100, 'NET_ADMIN is needed']);
    assert.match(fault?.msg ?? '', /^CHECK of default\/web \(c1\): netlink: add veth slu1: EPERM$/);
    assert.equal((await call('STATUS')).output?.code, 51);
  });

  it('has a call that is wrong refused before anything is done', async () => {
    await serve({ add: () => assert.fail('it was done') });
    const wrong = await call('ADD', config, { CNI_NETNS: '' });
    assert.deepEqual([wrong.status, wrong.output?.code], [1, cniCode.badEnvironment]);
    assert.equal((await call('ADD', '{')).output?.code, cniCode.undecodable);
    assert.equal((await call('ADD', { ...config, cniVersion: '9.0.0' })).output?.code, cniCode.incompatibleVersion);
  });

  it('answers VERSION by itself', async () => {
    const { status, output } = await call('VERSION');
    assert.equal(status, 0);
    assert.deepEqual(output?.supportedVersions, ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0']);
  });

  it('says that there is no agent: try again later, or for STATUS not available, in the version of the configuration', async () => {
    for (const command of ['ADD', 'DEL', 'CHECK', 'GC']) {
      const { status, output } = await call(command, '{ "name": "x",\n "cniVersion" : "0.4.0" }');
      assert.deepEqual([status, output?.code, output?.cniVersion], [1, 11, '0.4.0'], command);
      assert.match(output?.msg ?? '', /no agent at .*cni\.sock: No such file or directory/);
      assert.match(output?.details ?? '', /kubectl/);
    }
    assert.equal((await call('STATUS')).output?.code, 50);
    // A socket that nobody listens on any more.
    await serve({});
    await server?.close();
    assert.equal((await call('ADD')).output?.code, 11);
  });

  it('does not take half an answer for one', async () => {
    for (const text of ['', 'HTTP/1.1 200 OK\r\n', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{"cni', '\0\xff']) {
      silent = createServer((connection) => {
        connections.add(connection);
        connection.on('error', () => {});
        connection.once('data', () => connection.end(text, 'latin1'));
      });
      await new Promise<void>((listening) => silent!.listen(socket, listening));
      const { status, output } = await call('ADD');
      assert.deepEqual([status, output?.code], [1, 11], JSON.stringify(text));
      await new Promise((closed) => silent!.close(closed));
    }
  });

  it('hands on large and odd input unharmed, and refuses what is too large', async () => {
    let namespaces = 0;
    await serve({
      gc: async ({ validAttachments }) => {
        namespaces = validAttachments.length;
      },
    });
    const many = Array.from({ length: 5000 }, (_, i) => ({ containerID: `${i}`.padStart(64, 'a'), ifname: 'eth0' }));
    assert.equal((await call('GC', { ...config, note: '"\\\n€', 'cni.dev/valid-attachments': many })).status, 0);
    assert.equal(namespaces, 5000);
    const huge = await call('GC', { ...config, note: 'x'.repeat(5 << 20) });
    assert.deepEqual([huge.status, huge.output?.code], [1, 5]);
  });

  it('reaches the agent that came last, while the one before still answers', async () => {
    let over = () => {};
    const old = new Promise<typeof result>((done) => {
      over = () => done(result);
    });
    await serve({ add: () => old });
    const before = server!;
    const slow = call('ADD');
    await new Promise((later) => setTimeout(later, 50));
    await serve({
      add: async () => {
        throw new CniError(200, 'the new one');
      },
    });
    const closed = before.close();
    assert.equal((await call('ADD')).output?.code, 200);
    over();
    assert.equal((await slow).status, 0);
    await closed;
    assert.equal((await call('ADD')).output?.code, 200);
  });

  it('speaks to a socket that is its owner’s alone', async () => {
    await serve({});
    assert.equal(statSync(socket).mode & 0o777, 0o600);
  });
});

describe('the plugin as loopback', () => {
  let folder: string;
  let lab: LabNetwork;
  let pod: Netns;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-cni-'));
    symlinkSync(cniPlugin, join(folder, 'loopback'));
    lab = new LabNetwork();
    pod = lab.add('pod');
    pod.ip('link', 'set', 'lo', 'down');
  });
  afterEach(() => {
    lab.close();
    rmSync(folder, { recursive: true });
  });
  const call = (command: string, changed: object = {}, netns = pod.path) =>
    runPlugin(
      { CNI_COMMAND: command, CNI_CONTAINERID: 'c1', CNI_NETNS: netns, CNI_IFNAME: 'lo' },
      { cniVersion: '0.3.1', name: 'cni-loopback', type: 'loopback', ...changed },
      undefined,
      join(folder, 'loopback'),
    );

  it('brings lo up without an agent, and says so in the runtime’s version', async () => {
    assert.deepEqual((await call('CHECK', { cniVersion: '1.0.0' })).output?.code, 101);
    const { status, output } = await call('ADD');
    assert.equal(status, 0);
    assert.deepEqual(output, {
      cniVersion: '0.3.1',
      interfaces: [{ name: 'lo', mac: '00:00:00:00:00:00', sandbox: pod.path }],
      ips: [
        { version: '4', interface: 0, address: '127.0.0.1/8' },
        { version: '6', interface: 0, address: '::1/128' },
      ],
      dns: {},
    });
    assert.match(pod.ip('address', 'show', 'lo'), /<LOOPBACK,UP.*127\.0\.0\.1\/8/s);
    assert.deepEqual((await call('ADD', { cniVersion: '1.0.0' })).output?.ips?.[0], {
      interface: 0,
      address: '127.0.0.1/8',
    });
    for (const command of ['CHECK', 'DEL', 'STATUS', 'GC'])
      assert.deepEqual(await call(command), { status: 0, output: undefined }, command);
  });

  it('says what is wrong', async () => {
    assert.equal((await call('ADD', {}, '/run/netns/none')).output?.code, 4);
    assert.equal((await call('ADD', {}, '')).output?.code, 4);
    assert.equal((await call('ADD', { prevResult: {} })).output?.code, 7);
    assert.equal((await call('DEL', {}, '')).status, 0);
  });
});

import assert from 'node:assert/strict';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { objectKey, type Pod } from '../../api/index.ts';
import { accepted } from '../../api/testing/expect.ts';
import { createLog } from '../../lib/log.ts';
import { Store, type Table } from '../../store/index.ts';
import { type EchoBackends, embeddedBackendAnnotation, runEchoBackends } from './backends.ts';

/** An address that only this process uses. */
const address = `127.9.${process.pid & 127}.${(process.pid >> 7) & 127}`;
const port = 8080;

const pod = (name: string, rest: { ip?: string; annotation?: string; protocol?: string; port?: number } = {}): Pod =>
  accepted('Pod', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, annotations: { [embeddedBackendAnnotation]: rest.annotation ?? 'echo' } },
    spec: {
      containers: [
        { name: 'c', image: 'none', ports: [{ containerPort: rest.port ?? port, protocol: rest.protocol ?? 'TCP' }] },
      ],
    },
    status: { podIP: rest.ip ?? address },
  });

interface Echo {
  readonly pod: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
}

function ask(at = port, path = '/'): Promise<Echo | undefined> {
  return new Promise((resolve, reject) => {
    get({ host: address, port: at, path, headers: { 'x-test': 'yes' }, agent: false }, async (response) => {
      let body = '';
      for await (const chunk of response) body += chunk;
      resolve(JSON.parse(body) as Echo);
    }).on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET' ? resolve(undefined) : reject(error),
    );
  });
}

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, 'waited 15 s');
    await delay(5);
  }
}

describe('embedded backends', () => {
  let store: Store;
  let pods: Table<Pod>;
  let echo: EchoBackends;
  let warnings: string[];

  beforeEach(() => {
    store = new Store({ schedule: () => {} });
    pods = store.table<Pod>('Pod');
    warnings = [];
    const write = (line: string) => warnings.push((JSON.parse(line) as { msg: string }).msg);
    echo = runEchoBackends(pods, createLog({ level: 'warn', format: 'json', destination: { write } }));
  });
  afterEach(() => echo.close());

  const set = (...list: Pod[]) => {
    for (const each of list) pods.set(objectKey(each), each);
    store.flush();
  };

  it('answer for a Pod with what arrived', async () => {
    assert.equal(echo.running, false);
    set(pod('a'));
    assert.equal(echo.running, true);
    await until(async () => (await ask()) !== undefined);
    const { pod: name, method, path, headers } = (await ask(port, '/x?y')) as Echo;
    assert.deepEqual([name, method, path, headers['x-test']], ['default/a', 'GET', '/x?y', 'yes']);
  });

  it('follow edits: new ports, renamed Pods, Pods that go', async () => {
    set(pod('a'));
    await until(async () => (await ask())?.pod === 'default/a');
    set(pod('a'), pod('b', { port: 8081 }));
    await until(async () => (await ask(8081))?.pod === 'default/b');
    pods.delete('default/a');
    set(pod('c'));
    await until(async () => (await ask())?.pod === 'default/c');
    pods.delete('default/b');
    store.flush();
    await until(async () => (await ask(8081)) === undefined);
    assert.equal((await ask())?.pod, 'default/c');
  });

  it('are for loopback and TCP, and for who asks', async () => {
    set(pod('far', { ip: '192.0.2.1' }), pod('udp', { protocol: 'UDP' }), pod('other', { annotation: 'exec' }));
    assert.equal(echo.running, false);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /default\/far: .* needs a loopback address/);
  });

  it('say which Pod could not have its address', async () => {
    const taken = createServer().listen(port, address);
    await new Promise((resolve) => taken.once('listening', resolve));
    set(pod('a'));
    await until(() => warnings.length > 0);
    assert.equal(warnings[0], `backend of Pod default/a: listen on ${address}:${port}: EADDRINUSE`);
    await new Promise((resolve) => taken.close(resolve));
  });

  it('are gone after close', async () => {
    set(pod('a'));
    await until(async () => (await ask()) !== undefined);
    await echo.close();
    assert.equal(await ask(), undefined);
  });
});

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, createServer } from 'node:net';
import { join } from 'node:path';
import { connect, type PeerCertificate } from 'node:tls';
import type { NodeStatus } from '../src/agent/node-status.ts';
import { freePort, temporaryDir } from './support/proxy-rig.ts';
import { descendants, outcome, root, type SluiceRun, sluice, startSluice, userEnv } from './support/sluice-cli.ts';
import { until } from './support/until.ts';

/** The quickstart as a user runs it, on ports that are free here. */
describe('Quickstart', () => {
  let dir: ReturnType<typeof temporaryDir>;
  let folder: string;
  let stateDir: string;
  let args: string[];
  let run: SluiceRun;
  const ports = { http: 0, https: 0, gateway: 0, metrics: 0 };

  before(async () => {
    dir = temporaryDir();
    folder = join(dir.path, 'quickstart');
    stateDir = join(dir.path, 'state');
    for (const name of Object.keys(ports) as (keyof typeof ports)[]) ports[name] = await freePort();
    mkdirSync(folder);
    // Loopback addresses of its own, so that another quickstart on this machine is not in the way.
    const backends = `127.${process.pid & 127}.${(process.pid >> 7) & 127}.`;
    const from = join(root, 'examples/quickstart');
    for (const name of readdirSync(from)) {
      const text = readFileSync(join(from, name), 'utf8');
      writeFileSync(
        join(folder, name),
        text.replaceAll('127.0.10.', backends).replaceAll('port: 8090', `port: ${ports.gateway}`),
      );
    }
    args = [
      folder,
      ...['--http-port', String(ports.http), '--https-port', String(ports.https), '--state-dir', stateDir],
      ...['--metrics-address', `127.0.0.1:${ports.metrics}`, '--concurrency', '1'],
    ];
    run = startSluice(args);
    await run.until(/^Ready after \d+ ms/m);
  });
  after(() => {
    run?.process.kill('SIGKILL');
    dir[Symbol.dispose]();
  });

  const sh = (command: string) => outcome('sh', ['-c', command]);
  const status = async () =>
    JSON.parse((await outcome(sluice, ['status', '--state-dir', stateDir, '-o', 'json'])).stdout) as NodeStatus;

  it('prints what is served, by listener, host and match', () => {
    const rows = run
      .stdout()
      .split('\n')
      .filter((line) => /^https?:/.test(line))
      .map((line) => line.split(/ {2,}/).slice(1, 4));
    assert.deepEqual(rows.filter(([host]) => host === 'cart.localhost').length, 2);
    assert.ok(
      rows.some(([host, match, to]) => `${host} ${match} ${to}` === 'www.localhost /catalog/* default/catalog:80'),
    );
    assert.match(run.stdout(), new RegExp(`^https://127.0.0.1:${ports.https} +shop.localhost`, 'm'));
    assert.equal(run.stderr(), '');
  });

  /** What each group of printed commands must show; a group without an entry fails, as does an entry without a group. */
  const shows: Record<string, (outputs: readonly string[]) => void> = {
    'Path routing': ([catalog, docs]) => {
      assert.equal(JSON.parse(catalog ?? '').pod, 'default/catalog-1');
      assert.equal(JSON.parse(docs ?? '').pod, 'default/docs-1');
    },
    'Host routing': ([docs]) => {
      const { pod, host } = JSON.parse(docs ?? '');
      assert.deepEqual([pod, host], ['default/docs-1', `docs.localhost:${ports.http}`]);
    },
    'TLS termination': ([cart]) => assert.equal(JSON.parse(cart ?? '').pod, 'default/cart-v1'),
    'HTTP redirected to HTTPS': ([answer]) => {
      assert.match(answer ?? '', /^HTTP\/1\.1 301 /);
      assert.match(answer ?? '', new RegExp(`^location: https://shop\\.localhost:${ports.https}/`, 'im'));
    },
    'Weighted split': ([counts]) => {
      assert.ok(counts);
      const shares = [...counts.matchAll(/(\d+) +"pod": "default\/cart-v[12]"/g)].map(([, n]) => Number(n));
      assert.equal(
        shares.reduce((sum, n) => sum + n, 0),
        20,
        counts,
      );
    },
    'Routing by header': ([cart]) => assert.equal(JSON.parse(cart ?? '').pod, 'default/cart-v2'),
    'W3C trace context': ([line]) =>
      assert.match(line ?? '', /"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"/),
  };

  it('prints commands that all work when pasted, one for each thing that it shows', async () => {
    const groups = new Map<string, string[]>();
    let title = '';
    for (const line of run.stdout().split('\n')) {
      const command = /^ {4}(curl .*)$/.exec(line)?.[1];
      if (command !== undefined) groups.get(title)?.push(command);
      else if (/^ {2}\S/.test(line)) {
        title = line.trim().replace(/ \(.*/, '');
        groups.set(title, []);
      }
    }
    assert.deepEqual([...groups.keys()].sort(), Object.keys(shows).sort());
    for (const [name, commands] of groups) {
      const outputs: string[] = [];
      for (const command of commands) {
        const { code, stdout, stderr } = await sh(command);
        assert.equal(code, 0, `${command}\n${stderr}`);
        outputs.push(stdout);
      }
      shows[name]?.(outputs);
    }
  });

  it('splits by weight, about nine to one', async () => {
    const { stdout } = await sh(`curl -s 'http://cart.localhost:${ports.gateway}/?[1-400]' | grep '"pod"'`);
    const pods = stdout.trim().split('\n');
    assert.equal(pods.length, 400);
    const second = pods.filter((line) => line.includes('cart-v2')).length;
    // Expected 40 with a standard deviation of 6: this fails by chance once in some 100,000 runs.
    assert.ok(second > 12 && second < 68, `${second} of 400`);
  });

  it('serves the certificate that the server name asks for, and none to others', async () => {
    const certificate = await peerCertificate('shop.localhost', ports.https);
    assert.equal(certificate.subjectaltname, 'DNS:shop.localhost, DNS:*.shop.localhost');
    await assert.rejects(peerCertificate('docs.localhost', ports.https));
  });

  it('answers probes and scrapers', async () => {
    for (const path of ['healthz', 'readyz'])
      assert.equal((await sh(`curl -sf http://127.0.0.1:${ports.metrics}/${path}`)).stdout, 'ok\n');
    const { stdout } = await sh(`curl -sf http://127.0.0.1:${ports.metrics}/metrics`);
    assert.match(stdout, /^sluice_/m);
    assert.match((await sh(`curl -sf http://127.0.0.1:${ports.metrics}/metrics/envoy`)).stdout, /^envoy_/m);
  });

  it('says in its status that all is well', async () => {
    const { code, stdout } = await outcome(sluice, ['status', '--state-dir', stateDir]);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^Envoy: +ready, 1\.\d+\.\d+/m);
    assert.match(stdout, /^listeners +[0-9a-f]{8} +3 +all +0 +-$/m);
    assert.match(stdout, /^Nothing is wrong\.$/m);
    assert.equal((await outcome(sluice, ['status', '--state-dir', stateDir, '--brief'])).stdout, 'OK\n');
  });

  it('serves what is saved, and keeps the last good version of what is broken', async () => {
    const file = join(folder, 'late.yaml');
    const route = (service: string, port = '80') =>
      `apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: late}\nspec:\n  ingressClassName: cilium\n  rules:\n` +
      `    - host: late.localhost\n      http:\n        paths:\n          - path: /\n            pathType: Prefix\n` +
      `            backend: {service: {name: ${service}, port: {number: ${port}}}}\n`;
    const pod = async () => {
      const { stdout } = await sh(`curl -s http://late.localhost:${ports.http}/`);
      return stdout === '' ? '' : (JSON.parse(stdout) as { pod: string }).pod;
    };
    writeFileSync(file, route('docs'));
    await until('docs', async () => (await pod()) === 'default/docs-1');
    writeFileSync(file, route('catalog', 'eighty'));
    await until('a diagnostic', async () => (await status()).diagnostics.length > 0);
    const { code, stdout } = await outcome(sluice, ['status', '--state-dir', stateDir]);
    assert.equal(code, 1);
    assert.match(
      stdout,
      new RegExp(`^${file.replaceAll('.', '\\.')}:12:\\d+: error: Ingress default/late: .*eighty`, 'm'),
    );
    assert.equal(await pod(), 'default/docs-1');
    writeFileSync(file, route('catalog'));
    await until('the catalog', async () => (await pod()) === 'default/catalog-1');
    await until('no diagnostic', async () => (await status()).diagnostics.length === 0);
  });

  it('refuses a second start on its state directory', async () => {
    const { code, stderr } = await outcome(sluice, ['run', ...args]);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`used by another sluice, process ${run.process.pid} \\[STATE_DIR_IN_USE\\]`));
    assert.match(stderr, /^ {2}hint: /m);
    assert.equal((await status()).envoy.restarts, 0);
  });

  it('says what to do where there is no Envoy', async () => {
    const env = userEnv({ SLUICE_ENVOY: join(dir.path, 'no-envoy') });
    const { code, stderr } = await outcome(sluice, ['run', folder, '--state-dir', join(dir.path, 'other')], env);
    assert.equal(code, 1);
    assert.match(stderr, /\[ENVOY_NOT_FOUND\]\n {2}hint: .*make setup/);
  });

  it('names a port that is shared with another, and one that is taken', async () => {
    const { http } = ports;
    const taken = await freePort();
    const blocker = createServer().listen(taken, '127.0.0.1');
    const other = join(dir.path, 'second');
    const second = startSluice([
      ...[join(folder, 'ingress.yaml'), join(folder, 'tls.yaml'), join(folder, 'backends.yaml')],
      ...['--http-port', String(http), '--https-port', String(taken), '--state-dir', other, '--metrics-address', 'off'],
    ]);
    try {
      await second.until(/^Ready after/m);
      assert.match(
        second.stdout(),
        new RegExp(`another process listens on 127\\.0\\.0\\.1:${http} too.*\\[PortShared\\]`),
      );
      assert.match(
        second.stdout(),
        new RegExp(`listens on 127\\.0\\.0\\.1:${taken};.*\\[PortInUse\\]\\n {2}hint: .*--https-port`),
      );
      assert.match(second.stdout(), new RegExp(`^https://127\\.0\\.0\\.1:${taken} \\(refused\\)`, 'm'));
    } finally {
      await second.interrupt();
      blocker.close();
    }
  });

  it('leaves nothing behind after Ctrl-C', async () => {
    const { pid } = (await status()).envoy;
    const children = descendants(run.process.pid!);
    assert.ok(pid !== undefined && children.includes(pid), `${children} has Envoy ${pid}`);
    assert.ok(children.length >= 2, 'Envoy and the backends');
    const { code, signal } = await run.interrupt();
    assert.deepEqual({ code, signal }, { code: 0, signal: null });
    await until('the children to end', () => children.every((child) => !existsSync(`/proc/${child}`)));
    assert.deepEqual(
      readdirSync(stateDir).filter((name) => name.endsWith('.sock')),
      [],
    );
    for (const port of Object.values(ports)) assert.equal(await isOpen(port), false, `port ${port}`);
    // The broken file was reported; nothing else was.
    const lines = run
      .stderr()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { level: string; msg: string });
    assert.deepEqual(
      lines.filter(({ msg }) => !msg.includes('eighty')),
      [],
    );
  });
});

function peerCertificate(servername: string, port: number): Promise<PeerCertificate> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, servername, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate());
      socket.end();
    });
    socket.on('error', reject);
  });
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

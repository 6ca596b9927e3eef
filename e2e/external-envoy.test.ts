import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { get } from 'node:http';
import { create } from '@bufbuild/protobuf';
import { pino } from 'pino';
import { ListenerSchema } from '../src/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../src/gen/envoy/config/route/v3/route_pb.ts';
import { ExternalEnvoy, sharedPaths } from '../src/proxy/index.ts';
import { type FixedAds, serveFixedAds } from './support/fixed-ads.ts';
import { freePort, httpListener, temporaryDir } from './support/proxy-rig.ts';
import { sluice, userEnv } from './support/sluice-cli.ts';
import { until } from './support/until.ts';

describe('sluice envoy, next to an agent', () => {
  let dir: ReturnType<typeof temporaryDir>;
  let port: number;
  let wrapper: ChildProcess;
  let envoy: ExternalEnvoy;
  let ads: FixedAds;

  const status = (): Promise<number> =>
    new Promise((resolve) => {
      get({ port, host: '127.0.0.1', agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      }).on('error', () => resolve(0));
    });
  /** The process that runs now, among the children of the wrapper. */
  const envoyPid = (): number => Number(readFileSync(`/proc/${wrapper.pid}/task/${wrapper.pid}/children`, 'utf8'));

  async function startAgentSide(): Promise<void> {
    const answer = create(RouteConfigurationSchema, {
      name: 'fixed',
      virtualHosts: [
        {
          ...{ name: 'all', domains: ['*'] },
          routes: [
            {
              match: { pathSpecifier: { case: 'prefix', value: '/' } },
              action: { case: 'directResponse', value: { status: 200 } },
            },
          ],
        },
      ],
    });
    const listener = httpListener(port, { routeSpecifier: { case: 'routeConfig', value: answer } });
    const { xdsSocket } = sharedPaths(dir.path);
    ads = await serveFixedAds(xdsSocket, [[listener.name, ListenerSchema, listener]]);
    envoy = new ExternalEnvoy({
      ...{ stateDir: dir.path, logger: pino({ level: 'silent' }) },
      bootstrap: { node: { id: 'n1', cluster: 'test' }, xdsSocket },
    });
    await envoy.start();
  }
  async function endAgentSide(): Promise<void> {
    await envoy.close();
    ads.close();
  }

  before(async () => {
    dir = temporaryDir();
    port = await freePort();
    wrapper = spawn(sluice, ['envoy', '--state-dir', dir.path, '--concurrency', '1', '--drain-time', '2s'], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: userEnv(),
    });
    await startAgentSide();
    await envoy.ready;
  });
  after(async () => {
    await endAgentSide();
    if (wrapper.exitCode === null) wrapper.kill('SIGKILL');
    dir[Symbol.dispose]();
  });

  it('runs Envoy with the bootstrap that the agent writes, which is for one user alone', async () => {
    assert.equal(await status(), 200);
    assert.equal(envoy.state, 'ready');
    const { bootstrap, envoyDir } = sharedPaths(dir.path);
    assert.equal(statSync(bootstrap).mode & 0o777, 0o600);
    assert.equal(statSync(envoyDir).mode & 0o777, 0o700);
    assert.equal(statSync(envoy.admin.socketPath).mode & 0o777, 0o600);
  });

  it('goes on while the agent is away, and is found again by the next one', async () => {
    const pid = envoyPid();
    await endAgentSide();
    assert.equal(await status(), 200);
    await startAgentSide();
    await envoy.ready;
    assert.equal(await status(), 200);
    assert.equal(envoyPid(), pid);
    assert.equal(envoy.restarts, 0);
  });

  it('starts Envoy again when it dies, and the agent sees that', async () => {
    process.kill(envoyPid(), 'SIGKILL');
    await until('the agent sees another Envoy', () => envoy.restarts === 1 && envoy.state === 'ready');
    assert.equal(await status(), 200);
  });

  it('drains and ends Envoy when it is told to stop', async () => {
    const pid = envoyPid();
    const exited = once(wrapper, 'exit');
    wrapper.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null]);
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
    await until('the agent sees that it is gone', () => envoy.state === 'waiting');
  });
});

import { freePort } from '../../support/proxy-rig.ts';
import { type Bench, type BenchContext, exactly, figure } from '../bench.ts';
import { startBackends } from '../support/backend.ts';
import { now, pause } from '../support/clock.ts';
import { HttpConnection } from '../support/connection.ts';
import { startLoad } from '../support/load.ts';
import {
  type RouteSpec,
  routeHost,
  type ServiceSpec,
  serviceName,
  simpleRoute,
  simpleServices,
} from '../support/objects.ts';
import { firstServed, notServed, Prober } from '../support/prober.ts';
import { startSluice } from '../support/sluice.ts';
import { median, percentile } from '../support/statistics.ts';
import { YamlFolder } from '../support/yaml-folder.ts';

const address = '127.0.0.1';
const connections = 16;
/** Routes that stay as they are; routes that change again and again; routes that come and go. */
const stable = 100;
const changing = 200;
const passing = 500;
const perSecond = 100;

export const churn: Bench = {
  name: 'churn',
  about: 'requests that fail while 100 routes a second are added, 100 changed and 100 removed under load',
  async run(context) {
    const seconds = context.quick ? 5 : 60;
    const [first = 0, second = 0] = await startBackends(context, 2);
    const port = await freePort();
    const folder = new YamlFolder(`${context.dir}/objects`);
    // Both Services of a changing route are its own: each change of its backend makes one cluster and removes another.
    const own = Array.from({ length: changing }, (_, i): ServiceSpec[] => [
      { name: `c${i}-0`, endpoints: [first] },
      { name: `c${i}-1`, endpoints: [second] },
    ]).flat();
    folder.fill(port, [...simpleServices(20, first), ...own], [], 'a file each');
    for (let i = 0; i < stable; i++) folder.writeRoute(simpleRoute(i, 20));
    for (let i = 0; i < changing; i++) folder.writeRoute(changingRoute(i, 0));
    for (let i = 0; i < passing; i++) folder.writeRoute(passingRoute(i));
    const sluice = await startSluice(context, [folder.path]);
    const hosts = [...Array(stable).keys()].map(routeHost).concat([...Array(changing).keys()].map(changingHost));
    for (const host of [...hosts, passingRoute(passing - 1).host])
      await firstServed(address, port, host, { alive: sluice.alive });

    const load = startLoad(context, address, port, connections, hosts);
    await pause(500);
    const done = await change(context, folder, port, seconds);
    await pause(500);
    const { requests, failed, failures, longest, reconnects } = await load.result();
    for (const { host, outcome, at } of failures) context.progress(`failed at ${at.toFixed(1)} s: ${host}: ${outcome}`);
    context.progress(`${requests} requests, slowest ${longest.toFixed(0)} ms, ${reconnects} reconnects`);

    const wrong = await wrongBackends(port, done.rounds);
    const gone = await notServed(address, port, [passingRoute(done.removed - 1).host]);
    const missing = await notServed(address, port, [passingRoute(passing + done.added - 1).host]);
    const rate = (count: number) => count / done.seconds;
    const peer = 'Envoy Gateway 1.9.1: 30,293 of 209,000 with 5 edits a second (one in seven); Cilium, NGINX fail too';
    return [
      figure(
        `requests failed while ${perSecond} routes a second are added, ${perSecond} changed and ${perSecond} removed, of ${requests.toLocaleString('en-US')} over ${connections} connections in ${seconds} s`,
        failed,
        '',
        { goal: exactly(0), peer },
      ),
      figure('the same: routes added a second', rate(done.added), '/s'),
      figure('the same: routes changed a second (backend, filter, order of rules)', rate(done.changed), '/s'),
      figure('the same: routes removed a second', rate(done.removed), '/s'),
      figure('the same: requests a second', requests / done.seconds, '/s'),
      figure('the same: slowest answer', longest, 'ms'),
      figure('the same: an added route served after, p50', median(done.latencies), 'ms'),
      figure('the same: an added route served after, p99', percentile(done.latencies, 0.99), 'ms'),
      figure(
        'routes that are not as they were last written, at the end',
        wrong + missing.length + (1 - gone.length),
        '',
        { goal: exactly(0) },
      ),
    ];
  },
};

interface Done {
  added: number;
  changed: number;
  removed: number;
  /** How often each changing route was changed. */
  readonly rounds: number[];
  /** ms from file written to request served, of a sample of the added routes. */
  readonly latencies: number[];
  seconds: number;
}

/** Keeps to the rate by the clock: what a slow moment leaves undone is done in the next. */
async function change(context: BenchContext, folder: YamlFolder, port: number, seconds: number): Promise<Done> {
  const done: Done = { added: 0, changed: 0, removed: 0, rounds: Array(changing).fill(0), latencies: [], seconds };
  const prober = await Prober.open(address, port, 2);
  let probe: Promise<void> | undefined;
  const startedAt = now();
  for (let tick = 0; tick < seconds * perSecond; tick++) {
    const wait = startedAt + (tick * 1000) / perSecond - now();
    if (wait > 1) await pause(wait);
    const added = passingRoute(passing + done.added++);
    const writtenAt = now();
    folder.writeRoute(added);
    probe ??= prober.until(added.host, 200).then(({ servedAt }) => {
      done.latencies.push(servedAt - writtenAt);
      probe = undefined;
    });
    const i = tick % changing;
    folder.writeRoute(changingRoute(i, ++done.rounds[i]!));
    done.changed++;
    folder.remove(`${passingRoute(done.removed++).name}.yaml`);
    if (tick % (10 * perSecond) === 0) context.progress(`${tick / perSecond} of ${seconds} s`);
  }
  done.seconds = (now() - startedAt) / 1000;
  await probe;
  prober.close();
  return done;
}

const changingHost = (i: number) => `c${i}.bench.example`;
/** In turn: another backend, another filter, another order of the rules. */
function changingRoute(i: number, round: number): RouteSpec {
  const backend = backendOf(round);
  const rules = [
    { path: '/other', service: serviceName(0) },
    {
      service: `c${i}-${backend}`,
      ...(Math.floor((round + 1) / 3) % 2 === 1 ? { responseHeader: { name: 'x-round', value: `${round}` } } : {}),
    },
  ];
  return { name: `c${i}`, host: changingHost(i), rules: Math.floor(round / 3) % 2 === 1 ? rules.reverse() : rules };
}
/** The backend that answers in a round: 0 or 1. */
const backendOf = (round: number) => Math.floor((round + 2) / 3) % 2;

const passingRoute = (i: number): RouteSpec => ({ ...simpleRoute(i, 20), name: `p${i}`, host: `p${i}.bench.example` });

/** Changing routes that do not answer as they were last written. */
async function wrongBackends(port: number, rounds: readonly number[]): Promise<number> {
  const connection = await HttpConnection.open(address, port);
  let wrong = 0;
  for (const [i, round] of rounds.entries()) {
    const { status, headers } = await connection.get(changingHost(i));
    if (status !== 200 || !headers.includes(`x-backend: ${backendOf(round)}`)) wrong++;
  }
  connection.close();
  return wrong;
}

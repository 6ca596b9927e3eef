import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Netns } from '../../support/lab-network.ts';
import { type Program, startProgram } from '../../support/program.ts';
import { Traffic } from '../../support/traffic.ts';
import { median } from './statistics.ts';
import { keepCpusAwake } from './wakeful-cpus.ts';

/** From one pod to another. */
export interface Path {
  readonly from: { readonly netns: Netns };
  readonly to: { readonly netns: Netns; readonly ipv4: string };
}

/** Round by round. */
export interface Samples {
  /** Gbit/s, one TCP stream. */
  readonly stream: number[];
  /** Exchanges of a byte a second on one connection. */
  readonly requests: number[];
  /** Connections a second, one after the other, each with an exchange and closed in good order. */
  readonly connections: number[];
}
const kinds = ['stream', 'requests', 'connections'] as const;

/**
 * Where client and server run: the scheduler's choice would decide about more than all that is compared here. On one CPU a rate is what
 * the work costs; with a CPU each it is also how they wait for each other.
 */
export const layouts = { 'on one CPU': 1, 'a CPU each': 0 } as const;
export type Layout = keyof typeof layouts;
export type Speed = Readonly<Record<Layout, Samples>>;
const serverCpu = 1;

const echoPort = 8080;
const streamPort = 5201;
/** What policies and rules of both kinds let through. */
export const ports = [echoPort, streamPort];

/**
 * Linux' own congestion control, whatever this machine has: BBR sends by timers, at a rate that it made out of round trips of a few
 * microseconds. The buffers of both ends stay in the cache: with those that grow, a stream has three times the rate for as long as its data
 * happen to be there when they are copied, whatever the way. And each write is what one packet of segments holds: with iperf3's own 128 KiB, writer
 * and reader on CPUs of their own fall into one step or another for a whole stream, and ratios of two streams scatter by 20 % instead of 2.
 */
const streamOptions = ['-C', 'cubic', '-w', '512K', '-l', '64K'];

const iperf = (netns: Netns, cpu: number, ...args: string[]) =>
  [
    'nsenter',
    [`--net=${netns.path}`, '--', 'taskset', '--cpu-list', `${cpu}`, 'iperf3', '-p', `${streamPort}`, ...args],
  ] as const;

/** Echo and stream servers of a path; resolves how to stop them. */
export async function serve({ from, to }: Path): Promise<() => Promise<void>> {
  // Ports of closed connections are used again after a second, so that there are enough.
  from.netns.sysctl('net.ipv4.tcp_tw_reuse', 1);
  from.netns.sysctl('net.ipv4.ip_local_port_range', '1024 65000');
  const programs: Program[] = [
    await new Traffic(to.netns.path, serverCpu).serve(echoPort),
    await startProgram(...iperf(to.netns, serverCpu, '-s', '--forceflush'), /listening/i),
  ];
  return async () => {
    await Promise.all(programs.map((program) => program.stop()));
  };
}

/**
 * Turns of a path in a round. Short ones, one path's right after the other's, hit upon the same moments of the machine, and those are what differs: one
 * stream of a second has half or twice the rate of the next one on the same path.
 */
const turns = 5;
/** What a stream carries in a turn. */
const streamSize = '1G';

/** So many rounds in which each path has its turns, so that what else the machine does hits all of them. @param seconds of requests, and of connections, of a path in a round */
export async function compare(paths: readonly Path[], rounds: number, seconds: number): Promise<Speed[]> {
  const none = (): Samples => ({ stream: [], requests: [], connections: [] });
  const all = paths.map((): Speed => ({ 'on one CPU': none(), 'a CPU each': none() }));
  const letCpusSleep = keepCpusAwake();
  try {
    for (let round = 0; round < rounds; round++)
      for (const layout of Object.keys(layouts) as Layout[])
        for (const kind of kinds) {
          const rates = paths.map((): number[] => []);
          for (let turn = 0; turn < turns; turn++)
            // To and fro: whoever comes after another one would have what it leaves, such as ports that rest.
            for (const [i, path] of (round + turn) % 2 === 0 ? [...paths.entries()] : [...paths.entries()].reverse())
              rates[i]!.push(await measure(path, kind, layouts[layout], seconds / turns));
          for (const [i, each] of rates.entries()) all[i]![layout][kind].push(median(each));
        }
  } finally {
    letCpusSleep();
  }
  return all;
}

/** @returns the rate, as `Samples` has it */
async function measure({ from, to }: Path, kind: keyof Samples, clientCpu: number, seconds: number): Promise<number> {
  if (kind !== 'stream') {
    const traffic = new Traffic(from.netns.path, clientCpu);
    const { done, seconds: took } = await traffic.rate(
      kind === 'requests' ? 'rr' : 'crr-close',
      to.ipv4,
      echoPort,
      seconds,
    );
    return done / took;
  }
  const client = iperf(from.netns, clientCpu, '-c', to.ipv4, '-n', streamSize, '-J', ...streamOptions);
  const { stdout } = await promisify(execFile)(...client, { maxBuffer: 16 << 20 });
  const { end } = JSON.parse(stdout) as { end: { sum_received: { bits_per_second: number } } };
  return end.sum_received.bits_per_second / 1e9;
}

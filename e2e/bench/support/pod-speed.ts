import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Netns } from '../../support/lab-network.ts';
import { type Program, startProgram } from '../../support/program.ts';
import { Traffic } from '../../support/traffic.ts';
import { median } from './statistics.ts';

/** From one pod to another. */
export interface Path {
  readonly from: { readonly netns: Netns };
  readonly to: { readonly netns: Netns; readonly ipv4: string };
}

export interface Speed {
  /** Gbit/s, one TCP stream. */
  readonly stream: number;
  /** Exchanges of a byte a second on one connection. */
  readonly requests: number;
  /** Connections a second, one after the other, each with an exchange and closed in good order. */
  readonly connections: number;
}

/**
 * A CPU each for client and server, as on a machine with many: where the scheduler puts two programs that wake each other decides
 * about more than all that is compared here.
 */
const [clientCpu, serverCpu] = [0, 1];

const echoPort = 8080;
const streamPort = 5201;
/** What policies and rules of both kinds let through. */
export const ports = [echoPort, streamPort];

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

/** The medians of so many rounds in which each path has its turn, so that what else the machine does hits all of them. */
export async function compare(paths: readonly Path[], rounds: number, seconds: number): Promise<Speed[]> {
  const all: Speed[][] = paths.map(() => []);
  for (let round = 0; round < rounds; round++)
    for (const [i, path] of paths.entries()) all[i]!.push(await measure(path, seconds));
  const middle = (speeds: readonly Speed[], key: keyof Speed) => median(speeds.map((speed) => speed[key]));
  return all.map((speeds) => ({
    stream: middle(speeds, 'stream'),
    requests: middle(speeds, 'requests'),
    connections: middle(speeds, 'connections'),
  }));
}

async function measure({ from, to }: Path, seconds: number): Promise<Speed> {
  const client = iperf(from.netns, clientCpu, '-c', to.ipv4, '-t', `${Math.ceil(seconds)}`, '-J');
  const { stdout } = await promisify(execFile)(...client, { maxBuffer: 16 << 20 });
  const { end } = JSON.parse(stdout) as { end: { sum_received: { bits_per_second: number } } };
  const traffic = new Traffic(from.netns.path, clientCpu);
  const requests = await traffic.rate('rr', to.ipv4, echoPort, seconds);
  const connections = await traffic.rate('crr-close', to.ipv4, echoPort, seconds);
  return {
    stream: end.sum_received.bits_per_second / 1e9,
    requests: requests.done / requests.seconds,
    connections: connections.done / connections.seconds,
  };
}

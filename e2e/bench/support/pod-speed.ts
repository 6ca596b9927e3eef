import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Netns } from '../../support/lab-network.ts';
import { type Program, startProgram } from '../../support/program.ts';
import type { Traffic } from '../../support/traffic.ts';
import { median } from './statistics.ts';

/** From one pod to another. */
export interface Path {
  readonly from: { readonly netns: Netns; readonly traffic: Traffic };
  readonly to: { readonly netns: Netns; readonly traffic: Traffic; readonly ipv4: string };
}

export interface Speed {
  /** Gbit/s, one TCP stream. */
  readonly stream: number;
  /** Exchanges of a byte a second on one connection. */
  readonly requests: number;
  /** Connections a second, one after the other, each with an exchange. */
  readonly connections: number;
}

const echoPort = 8080;
const streamPort = 5201;
/** What policies and rules of both kinds let through. */
export const ports = [echoPort, streamPort];

/** Echo and stream servers of a path; resolves how to stop them. */
export async function serve({ to }: Path): Promise<() => Promise<void>> {
  const programs: Program[] = [
    await to.traffic.serve(echoPort),
    await startProgram(
      'nsenter',
      [`--net=${to.netns.path}`, '--', 'iperf3', '-s', '-p', `${streamPort}`, '--forceflush'],
      /listening/i,
    ),
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
  const client = ['-c', to.ipv4, '-p', `${streamPort}`, '-t', `${Math.ceil(seconds)}`, '-J'];
  const { stdout } = await promisify(execFile)('nsenter', [`--net=${from.netns.path}`, '--', 'iperf3', ...client], {
    maxBuffer: 16 << 20,
  });
  const { end } = JSON.parse(stdout) as { end: { sum_received: { bits_per_second: number } } };
  const requests = await from.traffic.rate('rr', to.ipv4, echoPort, seconds);
  const connections = await from.traffic.rate('crr', to.ipv4, echoPort, seconds);
  return {
    stream: end.sum_received.bits_per_second / 1e9,
    requests: requests.done / requests.seconds,
    connections: connections.done / connections.seconds,
  };
}

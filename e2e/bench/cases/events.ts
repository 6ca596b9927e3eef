import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadPrograms, openBpf, openKernel, openMaps, removePins } from '../../../src/datapath/index.ts';
import { macBytes } from '../../../src/datapath/netlink/mac.ts';
import { frame, ipv4 } from '../../../src/datapath/testing/packet.ts';
import { tcp } from '../../../src/datapath/testing/transport.ts';
import { Abi, type Config, ConfigFlag, EndpointFlag } from '../../../src/gen/abi.ts';
import { type Bench, type BenchContext, BenchNotPossible, below, exactly, type Figure, figure } from '../bench.ts';

const rate = 100_000;
const sizes = { conntrack4: 1024, conntrack6: 1024, ipcache4: 1024, ipcache6: 1024 } as const;

interface Seen {
  readonly events: number;
  readonly lost: number;
  readonly cpu: number;
  /** s */
  readonly at: number;
}

export const events: Bench = {
  name: 'events',
  about: 'CPU of reading 100,000 events a second from the kernel',
  async run(context) {
    if (process.getuid?.() !== 0) throw new BenchNotPossible('loading BPF programs takes root');
    const emit = await producer(context);
    return [
      ...(await measure(context, emit, 0, 'kept for later readers')),
      ...(await measure(context, emit, 1, 'read by one `sluice monitor`, as JSON')),
    ];
  },
};

/** A program that drops a packet, with an event, as often as it is told: a pod's connection that no policy allows. */
async function producer(context: BenchContext): Promise<{ directory: string; emit: (times: number) => void }> {
  const [bpf, kernel] = [await openBpf(), await openKernel()];
  const directory = mkdtempSync(`/sys/fs/bpf/sluice-bench-${process.pid}-`);
  context.defer(() => removePins(directory));
  const maps = openMaps(bpf, kernel, { directory, sizes });
  context.defer(() => maps.close());
  const programs = loadPrograms(bpf, kernel, maps);
  context.defer(() => programs.close());
  const [pod, gateway] = ['02:00:00:00:00:01', '02:00:00:00:00:02'];
  maps.config.set(0, config);
  maps.policies.create(1, () => {});
  maps.endpoints.set(1, {
    ...{ id: 7, flags: EndpointFlag.egressEnforced, identity: 300, policyId: 1, policyGeneration: 1, ifindex: 1 },
    ...{ mac: macBytes(pod), gatewayMac: macBytes(gateway) },
    address4: { bytes: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1) },
    address6: { bytes: new Uint8Array(16) },
  });
  const packet = frame(
    { sourceMac: pod, destinationMac: gateway, etherType: 0x0800 },
    ipv4({ source: '10.0.0.1', destination: '10.0.0.2' }, tcp({ source: 40_000, destination: 80 })),
  );
  const program = programs.fds.get('from_pod') as number;
  return { directory, emit: (repeat) => void bpf.testRun(program, { data: packet, repeat }) };
}

async function measure(
  context: BenchContext,
  { directory, emit }: Awaited<ReturnType<typeof producer>>,
  readers: number,
  how: string,
): Promise<Figure[]> {
  const child = fork(
    join(import.meta.dirname, '../support/event-reader-main.ts'),
    [directory, String(readers), JSON.stringify(sizes)],
    { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
  );
  const exited = once(child, 'exit');
  try {
    await once(child, 'message');
    const seconds = context.quick ? 3 : 10;
    context.progress(`${rate} events a second for ${seconds} s, ${how}`);
    // Warm, and all read.
    await produce(emit, 1);
    await sleep(1500);
    const before = await ask(child);
    const sent = await produce(emit, seconds);
    // What is in the ring still, and what was lost: told within a second.
    await sleep(1500);
    const after = await ask(child);
    const share = (after.cpu - before.cpu) / (sent / rate);
    return [
      figure(`reading 100,000 events a second, ${how}: CPU`, share, 'cores', { goal: below(0.5) }),
      figure(
        `events that are neither read nor counted as lost, ${how}`,
        sent - (after.events - before.events) - (after.lost - before.lost),
        '',
        {
          goal: exactly(0),
        },
      ),
      figure(`of these lost, as they found no room, ${how}`, after.lost - before.lost, ''),
    ];
  } finally {
    child.disconnect();
    await exited;
  }
}

/** Answers how many were made: as many as the time it took asks for. */
async function produce(emit: (times: number) => void, seconds: number): Promise<number> {
  const started = performance.now();
  let sent = 0;
  for (;;) {
    const elapsed = (performance.now() - started) / 1000;
    const due = Math.min(Math.floor(elapsed * rate), seconds * rate) - sent;
    if (due > 0) emit(due);
    sent += due;
    if (sent >= seconds * rate) return sent;
    await sleep(1);
  }
}

async function ask(child: ChildProcess): Promise<Seen> {
  const answer = once(child, 'message');
  child.send('how many?');
  return (await answer)[0] as Seen;
}

const second = 1_000_000_000n;
/** As the agent's own, but for what takes devices. */
const config: Config = {
  ...{ version: Abi.abiVersion, flags: ConfigFlag.verdictEvents | ConfigFlag.traceEvents, traceInterval: 5n * second },
  ...{ tcpOpeningLifetime: 60n * second, tcpEstablishedLifetime: 21_600n * second, tcpClosingLifetime: 10n * second },
  ...{
    otherLifetime: 60n * second,
    icmpLifetime: 30n * second,
    tunnelIfindex: 0,
    wakeupBytes: 262_144,
    wayLifetime: 10_000_000,
  },
  ...{ tunnelPort: 8472, traceTcpFlags: 7, tunnelSource4: new Uint8Array(4), tunnelUplink: 0 },
};

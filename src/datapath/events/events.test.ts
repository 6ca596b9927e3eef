import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { DropReason, EventType, event } from '../../gen/abi.ts';
import { type DatapathMaps, openMaps, Pins, removePins } from '../maps/index.ts';
import { loadPrograms, type Programs } from '../programs/index.ts';
import type { Bpf } from '../sys/bpf-calls.ts';
import { openKernel } from '../sys/kernel.ts';
import type { Kernel } from '../sys/kernel-calls.ts';
import { openBpf } from '../sys/libbpf.ts';
import { type EventReader, readEvents } from './read-events.ts';

/** Holds some 250 events. */
const ringSize = 1 << 15;
const sizes = {
  ...{ ipcache4: 1024, ipcache6: 1024, conntrack4: 1024, conntrack6: 1024, fragments4: 64, fragments6: 64 },
  events: ringSize,
} as const;
/** An Ethernet header and nothing. */
const packet = new Uint8Array(60);

describe('events', function () {
  this.timeout(60_000);
  let bpf: Bpf;
  let kernel: Kernel;
  let directory: string;
  let maps: DatapathMaps;
  let programs: Programs;
  let reader: EventReader | undefined;

  before(async () => {
    bpf = await openBpf();
    kernel = await openKernel();
    new Pins(bpf, kernel, '/sys/fs/bpf');
    directory = mkdtempSync(`/sys/fs/bpf/sluice-test-${process.pid}-`);
    maps = openMaps(bpf, kernel, { directory, sizes });
    programs = loadPrograms(bpf, kernel, maps);
  });
  after(() => {
    programs?.close();
    maps?.close();
    if (directory) removePins(directory);
  });
  afterEach(() => {
    reader?.flush();
    reader?.close();
    reader = undefined;
  });

  /** The datapath has no configuration, so each packet is dropped, with an event. */
  const emit = (times: number) => bpf.testRun(programs.fds.get('from_pod') as number, { data: packet, repeat: times });

  it('an event is read as it was written', () => {
    const seen: unknown[] = [];
    reader = readEvents({ bpf, kernel, maps, onEvent: (view, start) => seen.push(event.decode(view, start)) });
    const before = process.hrtime.bigint();
    emit(1);
    reader.flush();
    assert.equal(seen.length, 1);
    const [found] = seen as ReturnType<typeof event.decode>[];
    assert.equal(found?.type, EventType.drop);
    assert.equal(found?.reason, DropReason.noConfiguration);
    assert.equal(found?.length, packet.length);
    assert.ok(found && found.time >= before && found.time <= process.hrtime.bigint(), 'time is CLOCK_MONOTONIC');
  });

  it('none is missed however often the ring begins again', () => {
    let last = 0n;
    let inOrder = true;
    reader = readEvents({
      ...{ bpf, kernel, maps },
      onEvent: (view, start, length) => {
        const time = view.getBigUint64(start + event.offsets.time, true);
        inOrder &&= time >= last && length === event.size;
        last = time;
      },
    });
    for (let round = 1; round <= 60; round++) {
      emit(round * 3);
      reader.flush();
      assert.equal(reader.backlog, 0);
    }
    assert.equal(reader.count, (3 * 60 * 61) / 2);
    assert.ok(inOrder);
  });

  it('what finds no room is counted exactly, once', async () => {
    const lost = new Map<number, number>();
    reader = readEvents({
      ...{ bpf, kernel, maps, interval: 20 },
      onEvent: () => {},
      onLost: (counts) => {
        for (const [type, count] of counts) lost.set(type, (lost.get(type) ?? 0) + count);
      },
    });
    emit(5000);
    reader.flush();
    const read = reader.count;
    assert.ok(read > 100 && read < 400, `${read} events fit`);
    for (let waited = 0; lost.size === 0 && waited < 400; waited++) await sleep(5);
    assert.deepEqual(lost, new Map([[EventType.drop, 5000 - read]]));
    emit(7);
    reader.flush();
    assert.equal(reader.count, read + 7, 'there is room again');
    await sleep(50);
    assert.deepEqual(lost, new Map([[EventType.drop, 5000 - read]]));
  });

  it('the kernel wakes the reader', async () => {
    reader = readEvents({ bpf, kernel, maps, onEvent: () => {}, interval: 3_600_000 });
    emit(3);
    assert.equal(reader.count, 0, 'it reads from the event loop');
    for (let waited = 0; reader.count < 3 && waited < 400; waited++) await sleep(5);
    assert.equal(reader.count, 3);
  });

  it('an event that cannot be handled is not seen again, and does not block the next', () => {
    let calls = 0;
    reader = readEvents({
      ...{ bpf, kernel, maps },
      onEvent: () => {
        if (++calls === 1) throw new Error('no');
      },
    });
    emit(3);
    assert.throws(() => reader?.flush(), /^Error: no$/);
    reader.flush();
    assert.equal(calls, 3);
    assert.equal(reader.backlog, 0);
  });
});

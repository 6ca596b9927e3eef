import assert from 'node:assert/strict';
import {
  type Bpf,
  type DatapathMaps,
  type Kernel,
  loadPrograms,
  openBpf,
  openKernel,
  openMaps,
  type Programs,
  removePins,
} from '../../datapath/index.ts';
import { startMetrics } from '../../telemetry/metrics.ts';
import { observeKernel } from './kernel-metrics.ts';

const sizes = {
  ipcache4: 64,
  ipcache6: 64,
  conntrack4: 64,
  conntrack6: 64,
  fragments4: 64,
  fragments6: 64,
  events: 4096,
};

describe('metrics of the kernel', function () {
  this.timeout(60_000);
  let bpf: Bpf;
  let kernel: Kernel;
  let directory: string;
  let maps: DatapathMaps | undefined;
  let programs: Programs | undefined;

  before(async () => {
    [bpf, kernel] = [await openBpf(), await openKernel()];
    directory = `/sys/fs/bpf/sluice-test-${process.pid}-metrics`;
    maps = openMaps(bpf, kernel, { directory, sizes });
    programs = loadPrograms(bpf, kernel, maps);
  });
  after(() => {
    programs?.close();
    maps?.close();
    if (directory) removePins(directory);
  });

  it('say what was dropped and why, how many events were lost, and how full the maps of connections are', async () => {
    assert.ok(maps && programs);
    const metrics = startMetrics();
    try {
      const alive = new Map([['conntrack4', { alive: 16, maxEntries: 64 }]]);
      observeKernel(metrics.meter, maps, { alive });
      // Without a configuration each packet is dropped. The ring of 4 KiB holds some thirty events.
      bpf.testRun(programs.fds.get('from_pod') as number, { data: new Uint8Array(60), repeat: 1000 });
      const text = await metrics.prometheus();
      const value = (pattern: RegExp) => Number(pattern.exec(text)?.[1]);
      const dropped = /^sluice_datapath_packets_total\{direction="\w+",outcome="dropped",reason="([^"]+)"\} 1000$/m;
      assert.match(text, dropped);
      assert.match(text, /^sluice_datapath_bytes\w*_total\{[^}]*outcome="dropped"[^}]*\} 60000$/m);
      const lost = value(/^sluice_datapath_events_lost_total\{type="drop"\} (\d+)$/m);
      assert.ok(lost > 900 && lost < 1000, `${lost} lost`);
      assert.equal(value(/^sluice_datapath_connections\{map="conntrack4"\} (\S+)$/m), 16);
      assert.equal(value(/^sluice_datapath_connections_pressure\{map="conntrack4"\} (\S+)$/m), 0.25);
    } finally {
      await metrics.close();
    }
  });
});

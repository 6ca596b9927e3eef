/**
 * Runs in a network namespace of its own: asks for JSON lines on standard input, answers with JSON lines. For tests only.
 */
import { execFileSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { NetlinkSocket, NodeAddresses, openKernel } from '../../src/datapath/index.ts';
import { Fault } from '../../src/lib/fault.ts';

type Request =
  | { readonly do: 'reconcile'; readonly wanted: readonly string[]; readonly keep: readonly string[] }
  | { readonly do: 'restart' }
  | { readonly do: 'ip'; readonly args: readonly string[] };

const kernel = await openKernel();
const open = () => new NodeAddresses(new NetlinkSocket(kernel));
let addresses = open();

function answer(request: Request): unknown {
  switch (request.do) {
    case 'reconcile': {
      const { faults, ...report } = addresses.reconcile(request.wanted, (address) => request.keep.includes(address));
      return { ...report, faults: faults.map(({ code, message, hint }) => ({ code, message, hint })) };
    }
    case 'restart':
      addresses.close();
      addresses = open();
      return {};
    case 'ip':
      return execFileSync('ip', request.args, { encoding: 'utf8' });
  }
}

for await (const line of createInterface(process.stdin)) {
  try {
    process.stdout.write(`${JSON.stringify({ value: answer(JSON.parse(line) as Request) })}\n`);
  } catch (error) {
    const code = error instanceof Fault ? error.code : '';
    process.stdout.write(`${JSON.stringify({ error: String(error), code })}\n`);
  }
}

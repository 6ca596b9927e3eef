import type { Command } from 'commander';
import type { Leftover } from '../../agent/cleanup/index.ts';
import { Fault } from '../../lib/fault.ts';
import { type AddressOrOff, addressAndPort, duration, namespacedName, unlessOff } from '../arguments.ts';
import { formatTable, printable, styleFor } from '../output/table.ts';
import { defaultStateDir } from '../state-dir.ts';
import { interruption } from './cluster-options.ts';

interface CleanupFlags {
  yes?: boolean;
  pods?: boolean;
  wait: number;
  cniConfDir: string;
  binDir: string;
  bpffs: string;
  stateDir: string;
  metricsAddress: AddressOrOff;
  await?: ReturnType<typeof namespacedName>;
  timeout: number;
}

export function cleanupCommand(program: Command): void {
  program
    .command('cleanup')
    .summary('take off this node what Sluice left on it')
    .description(
      'Lists what is on this node by the doing of an agent that is gone, and with --yes removes it: the CNI configuration and plugin, programs ' +
        'on devices and their maps, the tunnel, routes, and addresses of load balancers. `sluice uninstall` has it done on every ' +
        'node; it takes root. Pods keep their interfaces and addresses: without policy, and without the way to pods of other nodes, until they ' +
        'are made anew.',
    )
    .option('--yes', 'remove it; without this it is listed only')
    .option('--pods', 'the interfaces of pods as well, and what is known of them: pods that run are cut off')
    .option('--wait <duration>', 'for an agent that still runs to end; default: an error', duration, 0)
    .optionsGroup('Where things are:')
    .option('--cni-conf-dir <dir>', "the container runtime's directory of CNI configurations", '/etc/cni/net.d')
    .option('--bin-dir <dir>', "the runtime's directory of CNI plugins", '/opt/cni/bin')
    .option('--bpffs <dir>', 'where maps and links are pinned', '/sys/fs/bpf/sluice')
    .option('--state-dir <dir>', 'sockets and runtime files of this node', defaultStateDir())
    .option(
      '--metrics-address <address:port|off>',
      'where an agent would answer, if it still ran',
      addressAndPort,
      addressAndPort('127.0.0.1:9964'),
    )
    .optionsGroup('In a cluster:')
    .option(
      '--await <namespace/name>',
      'do nothing but wait until that DaemonSet has cleaned its nodes',
      namespacedName,
    )
    .option('--timeout <duration>', 'of --await', duration, 180_000)
    .addHelpText('after', '\nExamples:\n  sluice cleanup          what there is\n  sluice cleanup --yes    remove it')
    .action((flags: CleanupFlags) =>
      flags.await === undefined ? cleanUp(flags) : awaitNodes(flags.await, flags.timeout, program.version() ?? ''),
    );
}

async function cleanUp(flags: CleanupFlags): Promise<void> {
  const { findLeftovers, untilAgentEnds } = await import('../../agent/cleanup/index.ts');
  const { yes = false, pods: cutPods = false, stateDir, metricsAddress, cniConfDir, binDir, bpffs } = flags;
  if (yes) await untilAgentEnds({ stateDir, ...unlessOff('metricsAddress', metricsAddress) }, flags.wait);
  using leftovers = await findLeftovers({ cniConfDir, cniBinDir: binDir, bpffs, stateDir }, { cutPods });
  const { found, pods, doubts } = leftovers;
  const faults = yes ? remove(found) : [];
  if (found.length > 0) {
    const rows = found.map(({ kind, name }) => [kind, printable(name)]);
    process.stdout.write(`${formatTable(['WHAT', 'WHICH'], rows, styleFor(process.stdout))}\n`);
  }
  const say = (text: string) => process.stdout.write(`${text}\n`);
  if (found.length > 0)
    say(yes ? `removed ${found.length - faults.length} of ${found.length}` : 'nothing was removed: --yes does it');
  else if (pods.length === 0 && doubts.length === 0) say('nothing of Sluice is on this node');
  if (pods.length > 0)
    say(`${pods.length} pods keep their interfaces, and ${stateDir} what is known of them: --pods takes them away too`);
  for (const doubt of doubts) say(doubt);
  if (faults[0] !== undefined)
    throw new Fault('CLEANUP', `not all could be removed: ${faults.join('; ')}`, { hint: 'it takes root' });
}

/** All that can be: one that fails does not keep the others. */
function remove(found: readonly Leftover[]): string[] {
  return found.flatMap((leftover) => {
    try {
      leftover.remove();
      return [];
    } catch (error) {
      return [`${leftover.kind} ${leftover.name}: ${(error as Error).message}`];
    }
  });
}

async function awaitNodes(which: ReturnType<typeof namespacedName>, timeout: number, version: string): Promise<void> {
  const [{ openKube }, { awaitDaemonSet }] = await Promise.all([
    import('../../kube/index.ts'),
    import('../../install/await-daemon-set.ts'),
  ]);
  const kube = openKube({ userAgent: `sluice/${version}` });
  try {
    const nodes = await awaitDaemonSet(kube, { ...which, timeout, signal: interruption() });
    process.stdout.write(`${nodes} nodes are clean\n`);
  } finally {
    kube.close();
  }
}

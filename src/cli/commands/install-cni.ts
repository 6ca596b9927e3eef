import type { Command } from 'commander';

export function installCniCommand(program: Command): void {
  program
    .command('install-cni')
    .summary('the CNI plugin into the directory of a node')
    .description(
      'Copies `sluice-cni` to where the container runtime of this node looks for CNI plugins, and as `loopback` where there is none. The DaemonSet does it before the agent ' +
        'starts, so that the agent itself needs no access to programs of the node. Done again, it changes nothing.',
    )
    .option('--bin-dir <dir>', "the runtime's directory of plugins", '/opt/cni/bin')
    .action(async ({ binDir }: { binDir: string }) => {
      const { placePlugin } = await import('../../cni/place-plugin.ts');
      const placed = await placePlugin(binDir);
      process.stdout.write(
        `${binDir}: ${placed.length === 0 ? 'all is there already' : `installed ${placed.join(', ')}`}\n`,
      );
    });
}

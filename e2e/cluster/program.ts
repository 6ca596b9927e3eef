import { finished } from 'node:stream/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { controlPlaneAddress, nodeAddress } from './addresses.ts';
import { ensureBinaries } from './binaries.ts';
import { componentsCommands } from './commands/components.ts';
import { insideCommands } from './commands/inside.ts';
import { named, toStderr } from './commands/options.ts';
import { statusCommand } from './commands/status.ts';
import { down } from './down.ts';
import { ensureImages } from './images.ts';
import { adminKubeconfig } from './pki.ts';
import { defaults, nodeName, nodeNumbers, type Settings } from './settings.ts';
import { up } from './up.ts';

export function buildProgram(): Command {
  const program = new Command('npm run cluster --')
    .description(
      'A real Kubernetes on this machine: etcd, API server, controllers, scheduler, and nodes with a kubelet, containerd and ' +
        'kube-proxy each, every one in namespaces of its own. The machine itself gets no link, route, mount or service.',
    )
    .helpOption('-h, --help', 'this text')
    .helpCommand('help [command]', 'help for a command')
    .showHelpAfterError('(see --help)')
    .enablePositionalOptions()
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .addHelpText(
      'after',
      `
Examples:
  npm run cluster -- up --nodes 2              start; the first time builds Kubernetes (8 minutes), later about 10 s
  npm run cluster -- kubectl get pods -A       any kubectl command
  export KUBECONFIG=$(npm run -s cluster -- kubeconfig)    for kubectl, helm and others of your own
  npm run cluster -- load image.tar            an image for all nodes (there is no registry to pull from)
  npm run cluster -- exec -- curl -s 10.90.200.1           a client in the cluster's network
  npm run cluster -- node 1 -- nft list ruleset            a look at a node
  npm run cluster -- logs kube-apiserver -f                what a component says
  npm run cluster -- kill node-1/kubelet --signal KILL     something breaks ...
  npm run cluster -- up                                    ... and is started again
  npm run cluster -- down                      nothing is left

Environment:
  SLUICE_CLUSTER_NAME default of --name
  SLUICE_CLUSTER_DIR  where the state of testbeds is kept (/run/sluice-cluster)
  XDG_CACHE_HOME      where built programs are kept, in sluice/ (~/.cache)`,
    );
  upCommand(program);
  program
    .command('build')
    .description('get everything that a testbed runs, without starting one')
    .action(async () => {
      const progress = toStderr();
      await ensureImages(await ensureBinaries(progress), progress);
    });
  named(program.command('down'))
    .description('end all of it and remove what is left, also after a crash')
    .addOption(new Option('--after-input', 'when standard input has ended: whoever holds its other end has').hideHelp())
    .action(async ({ name, afterInput }: { name: string; afterInput?: true }) => {
      if (afterInput) await finished(process.stdin.resume());
      await down(name, toStderr());
    });
  statusCommand(program);
  insideCommands(program);
  componentsCommands(program);
  return program;
}

function upCommand(program: Command): void {
  named(program.command('up'))
    .description('start a testbed, or whatever of it has ended; does nothing when it is up')
    .option('--nodes <count>', 'how many nodes, 1 to 9', wholeNumber, defaults.nodes)
    .option('--subnet <prefix>', 'first three parts of the /24 of control plane and nodes', defaults.subnet)
    .option('--lb-pool <cidr>', 'addresses that are routed to the nodes', defaults.lbPool)
    .option('--ipv6', 'IPv6 addresses beside those of IPv4', defaults.ipv6)
    .option('--no-dns', 'without CoreDNS')
    .addOption(
      new Option('--cni <which>', 'pod network; none: nodes are NotReady until one is installed')
        .choices(['reference', 'none'])
        .default(defaults.cni),
    )
    .addOption(
      new Option('--proxy <mode>', 'kube-proxy').choices(['nftables', 'iptables', 'none']).default(defaults.proxy),
    )
    .option(
      '--api-port <port>',
      'of the API server on 127.0.0.1; 0: 6443, or a free one',
      wholeNumber,
      defaults.apiPort,
    )
    .action(async (settings: Settings) => {
      process.once('SIGINT', interrupted);
      const result = await up(settings, toStderr());
      const where = result.settings;
      const nodes = nodeNumbers(where).map((number) => `${nodeName(number)} ${nodeAddress(where, number)}`);
      process.stdout.write(
        `${result.already ? 'Already up' : 'Up'}: control plane ${controlPlaneAddress(where)}, ${nodes.join(', ')}\n` +
          `export KUBECONFIG=${adminKubeconfig(where.name)}\n`,
      );
    });
}

function interrupted(): void {
  process.stderr.write('cluster: interrupted; `down` removes what was started, and the next `up` does, too\n');
  process.exit(130);
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('a whole number is needed');
  return Number(text);
}

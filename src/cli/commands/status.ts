import { type Command, Option } from 'commander';
import type { NodeStatus } from '../../agent/node-status.ts';
import type { ObjectStatus } from '../../mesh/model/index.ts';
import { agentReady, askAgentJson } from '../agent-client.ts';
import { formatDiagnostics, summarise } from '../output/diagnostics.ts';
import { formatData, outputFormats } from '../output/format.ts';
import { statusDocuments, statusTable } from '../output/statuses.ts';
import { formatTable, type Style, styleFor } from '../output/table.ts';
import { defaultStateDir } from '../state-dir.ts';
import { clusterOptions, waitOptions } from './cluster-options.ts';
import { type ClusterStatusFlags, clusterStatus } from './cluster-status.ts';

interface StatusFlags extends ClusterStatusFlags {
  stateDir: string;
  objects?: boolean;
  ready?: boolean;
  cluster?: boolean;
}

export function statusCommand(program: Command): void {
  const command = program
    .command('status')
    .option('--state-dir <dir>', 'state directory of the running sluice', defaultStateDir())
    .addOption(new Option('-o, --output <format>', 'how to print it').choices(outputFormats).default('table'))
    .option('--brief', 'one line: `OK`, or `error in ...`')
    .option('--ready', 'print nothing: exit code 0 where the node is ready, whatever is wrong with objects')
    .option('--objects', 'instead, the conditions of each object: Accepted, Programmed, ResolvedRefs ...');
  clusterOptions(
    command.option('--cluster', 'the installation in a cluster; also with --kubeconfig, --context and --wait'),
  );
  waitOptions(
    command
      .optionsGroup('Waiting, in a cluster:')
      .option('--wait', 'until all of it is ready, saying what is not and why'),
  )
    .summary('health of a running node, or of the installation in a cluster')
    .description(
      "Asks a running sluice on its Unix socket. Shows Envoy, each xDS type (version, accepted, refused with Envoy's own " +
        'reason), the sources, how many objects there are, and what is wrong with the next step. With --cluster it asks the API ' +
        'server instead how the agents, their Envoys and the operator are. Exit code 1 where something is wrong.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  sluice status\n  sluice status --brief\n  sluice status --objects\n  sluice status -o json\n' +
        '  sluice status --cluster --wait',
    )
    .action(async (options: StatusFlags) => {
      // Waiting is for a cluster, unless a node of this machine is named.
      const waitsForCluster = options.wait === true && command.getOptionValueSource('stateDir') !== 'cli';
      if (options.cluster ?? (waitsForCluster || options.kubeconfig !== undefined || options.context !== undefined))
        return clusterStatus(options, program.version() ?? '');
      if (options.wait === true || options.ready === true)
        await agentReady(options.stateDir, options.wait === true ? options.timeout : 0);
      if (options.ready === true) return;
      if (options.objects === true) {
        const statuses = await askAgentJson<readonly ObjectStatus[]>(options.stateDir, '/v1/statuses');
        process.stdout.write(
          options.output === 'table'
            ? statusTable(statuses, styleFor(process.stdout))
            : formatData(statusDocuments(statuses), options.output),
        );
        return;
      }
      const status = await askAgentJson<NodeStatus>(options.stateDir, '/v1/status');
      if (options.brief === true)
        process.stdout.write(status.problems.length === 0 ? 'OK\n' : `error in ${status.problems.join(', ')}\n`);
      else if (options.output === 'table') process.stdout.write(render(status, styleFor(process.stdout)));
      else process.stdout.write(formatData(status, options.output));
      process.exitCode = status.problems.length === 0 ? 0 : 1;
    });
}

function addressLine({ present, foreign, draining, faults }: NonNullable<NodeStatus['addresses']>, style: Style) {
  const list = [...present, ...foreign.map((address) => `${address} (not ours)`)];
  const left = draining.length === 0 ? '' : `; going with their last connection: ${draining.join(', ')}`;
  const wrong = faults.length === 0 ? '' : style.red(`; ${faults.length} could not be had`);
  return `Addresses: ${list.slice(0, 10).join(', ') || 'none'}${list.length > 10 ? ` and ${list.length - 10} more` : ''}${left}${wrong}`;
}

function render(status: NodeStatus, style: Style): string {
  const good = (ok: boolean, text: string) => (ok ? style.green(text) : style.red(text));
  const { envoy, sources, xds, objects, diagnostics } = status;
  const lines = [
    `Sluice:    ${status.node === undefined ? '' : `node ${status.node}, `}${status.version}, up ${Math.round(status.uptime)} s, process ${status.pid}`,
    `Envoy:     ${good(envoy.state === 'ready', envoy.state)}, ${envoy.version}, process ${envoy.pid ?? '-'}, ${envoy.restarts} restarts`,
    ...sources.map(
      (source) =>
        `Source:    ${source.paths.join(' ')}: ${source.stats.objects} objects${source.kinds === undefined ? ` in ${source.stats.files} files` : ''}, ${source.stats.bad} bad`,
    ),
    ...sources.flatMap(({ kinds = [] }) =>
      kinds
        .filter(({ state }) => state === 'waiting')
        .map(({ kind, lastError }) => `           ${style.red(`${kind} cannot be read: ${lastError?.message ?? ''}`)}`),
    ),
    ...(status.addresses === undefined ? [] : [addressLine(status.addresses, style)]),
    `Objects:   ${
      Object.entries(objects)
        .map(([kind, n]) => `${n} ${kind}`)
        .join(', ') || 'none'
    }`,
    `xDS:       ${good(xds.length > 0, `${xds.length} stream${xds.length === 1 ? '' : 's'}`)}`,
  ];
  const rows = xds.flatMap((stream) =>
    Object.entries(stream.types).map(([type, state]) => [
      type,
      state.version || '-',
      String(state.accepted),
      state.subscribed === 'all' ? 'all' : String(state.subscribed),
      String(state.pending + state.unanswered),
      state.rejected.map((rejected) => `${rejected.name}: ${rejected.message.trim()}`).join('; ') || '-',
    ]),
  );
  const table =
    rows.length === 0
      ? ''
      : `\n${formatTable(['TYPE', 'VERSION', 'ACKED', 'ASKED FOR', 'PENDING', 'REJECTED'], rows, style)}`;
  const wrong =
    diagnostics.length === 0
      ? `\n${style.green('Nothing is wrong.')}\n`
      : `\n${summarise(diagnostics)}:\n${formatDiagnostics(diagnostics, style)}`;
  return `${lines.join('\n')}\n${table}${wrong}`;
}

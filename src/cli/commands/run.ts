import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { Fault } from '../../lib/fault.ts';
import { LiveReport } from '../output/live.ts';
import { formatStart, mostRows } from '../output/start.ts';
import { styleFor } from '../output/table.ts';
import { defaultStateDir } from '../state-dir.ts';
import { type RunFlags, runOptions, toNodeOptions } from './run-options.ts';

export function runCommand(program: Command): void {
  const command = program
    .command('run')
    .argument('<dir...>', 'folders (watched, with what is below them) and files of Kubernetes YAML or JSON');
  runOptions(command)
    .summary('serve a folder of Kubernetes YAML with a real Envoy')
    .description(
      'Serves Ingress (class cilium), Gateway API (class cilium) and CiliumEnvoyConfig objects from files, with a real Envoy ' +
        'and no cluster. The folders are watched: an edit is in force as it is saved, and what is wrong is reported with ' +
        'file, line and column while the last good version goes on. Services without EndpointSlices use the Pods that they ' +
        'select. Ctrl-C drains and ends it; a second Ctrl-C ends it at once.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  sluice run examples/quickstart\n  sluice run k8s/ --http-port 80 --https-port 443 --access-log -',
    )
    .action(async (paths: string[], flags: RunFlags) => run(paths, flags, program.version() ?? ''));
}

async function run(paths: string[], flags: RunFlags, version: string): Promise<void> {
  if (!paths.some((path) => existsSync(path))) {
    throw new Fault('PATH_NOT_FOUND', `there is no ${paths.join(', and no ')}`, {
      hint: 'check the spelling, or make the folder first: files that are added later are picked up',
    });
  }
  const { startNode } = await import('../../agent/node.ts');
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      stop.abort();
      // A second one means now.
      process.once(signal, () => process.exit(130));
    });
  }
  // Machines read log lines; a person gets what compilers print.
  const live =
    flags.logFormat === 'text' && flags.logLevel !== 'silent'
      ? new LiveReport((text) => process.stderr.write(text), styleFor(process.stderr))
      : undefined;
  const started = performance.now();
  const node = await startNode(toNodeOptions(paths, flags, version), stop.signal, live).catch((error: unknown) => {
    live?.started();
    if (stop.signal.aborted) return undefined;
    throw error;
  });
  if (node === undefined) return;
  const diagnostics = node.diagnostics();
  const statusCommand = `sluice status${flags.stateDir === defaultStateDir() ? '' : ` --state-dir ${flags.stateDir}`}`;
  live?.started(diagnostics);
  process.stdout.write(
    formatStart(
      { paths, rows: node.served(mostRows + 1), trials: node.trials(), diagnostics, statusCommand },
      Math.round(performance.now() - started),
      styleFor(process.stdout),
    ),
  );
  await new Promise<void>((resolve) => {
    if (stop.signal.aborted) resolve();
    stop.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await node.close();
}

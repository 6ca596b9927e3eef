import { resolve } from 'node:path';
import type { Command } from 'commander';
import { ensureBinaries } from '../binaries.ts';
import { loadImageEverywhere } from '../images.ts';
import { entering } from '../namespaces.ts';
import { adminKubeconfig } from '../pki.ts';
import { nodeName } from '../settings.ts';
import { ended, start } from '../shell.ts';
import { runningState } from '../state.ts';
import { named, toStderr } from './options.ts';

/** npm changes into the package's directory; files are named as seen from where it was called. */
const callersDirectory = (): string => process.env.INIT_CWD ?? process.cwd();

/** What runs in the testbed, or against it. */
export function insideCommands(program: Command): void {
  named(program.command('kubectl [arguments...]'))
    .description('run kubectl as the administrator')
    .passThroughOptions()
    .allowUnknownOption()
    .helpOption(false)
    .action(async (args: string[], { name }: Named) => {
      runningState(name);
      const { kubectl } = await ensureBinaries(toStderr());
      await attach([kubectl, ...args], { ...process.env, KUBECONFIG: adminKubeconfig(name) });
    });
  named(program.command('kubeconfig'))
    .description("print the path of the administrator's kubeconfig")
    .action(({ name }: Named) => {
      runningState(name);
      process.stdout.write(`${adminKubeconfig(name)}\n`);
    });
  named(program.command('load <archive...>'))
    .description('import images (OCI archives, or what `docker save` writes) into every node')
    .action(async (archives: string[], { name }: Named) => {
      const { settings } = runningState(name);
      const progress = toStderr();
      const { ctr } = await ensureBinaries(progress);
      for (const archive of archives)
        await progress.step(`load ${archive}`, () =>
          loadImageEverywhere(settings, ctr, resolve(callersDirectory(), archive)),
        );
    });
  named(program.command('exec <command...>'))
    .description("run a command of the machine in the control plane's network, as a client of the cluster")
    .passThroughOptions()
    .action(async (command: string[], { name }: Named) =>
      attach(entering({ name, member: 'control-plane', scope: 'network' }, withoutDashes(command))),
    );
  named(program.command('node <number> <command...>'))
    .description('run a command on a node, in all its namespaces and its cgroup')
    .passThroughOptions()
    .action(async (number: string, command: string[], { name }: Named) =>
      attach(entering({ name, member: nodeName(Number(number)), scope: 'all' }, withoutDashes(command))),
    );
}

/** `--` before the command is allowed, and is not of it. */
const withoutDashes = (words: string[]): string[] => (words[0] === '--' ? words.slice(1) : words);

interface Named {
  readonly name: string;
}

/** Runs it with our own standard streams, and ends as it ended. */
async function attach(command: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<void> {
  // The terminal sends these to both; the command decides what comes of them.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  const { code, error } = await ended(start(command, { stdio: 'inherit', cwd: callersDirectory(), env }));
  if (error !== undefined) throw error;
  process.exitCode = code ?? 1;
}

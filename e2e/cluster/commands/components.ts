import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { Fault } from '../../../src/lib/fault.ts';
import { ensureBinaries } from '../binaries.ts';
import { type Component, signalComponent, stopComponent } from '../component.ts';
import { allComponents } from '../components.ts';
import { stateDir } from '../settings.ts';
import { ended, start } from '../shell.ts';
import { runningState } from '../state.ts';
import { startAny } from '../up.ts';
import { named, toStderr } from './options.ts';

/** What is done to single components, so that tests and people can break them. */
export function componentsCommands(program: Command): void {
  named(program.command('logs [component]'))
    .description('what a component has printed; without a name, which there are (`audit`: requests to the API server)')
    .option('-f, --follow', 'go on as it prints more')
    .action(async (component: string | undefined, { name, follow }: { name: string; follow?: true }) => {
      const dir = join(stateDir(name), 'log');
      const names = logNames(dir, name);
      if (component === undefined) process.stdout.write(`${names.join('\n')}\n`);
      else {
        choose(names, component, (log) => log);
        const file = join(dir, `${component.replace('/', '.')}.log`);
        await ended(start(follow ? ['tail', '-n', '+1', '-f', file] : ['cat', file], { stdio: 'inherit' }));
      }
    });
  for (const [verb, description] of [
    ['stop', 'end a component, as SIGTERM does, and wait for its end'],
    ['start', 'start a component that has ended'],
    ['restart', 'end a component and start it again'],
  ] as const)
    named(program.command(`${verb} <component>`))
      .description(description)
      .action(async (wanted: string, { name }: { name: string }) => {
        const { settings } = runningState(name);
        const component = await find(name, wanted);
        if (verb !== 'start') await stopComponent(name, component);
        if (verb !== 'stop') await startAny(settings, component);
      });
  named(program.command('kill <component>'))
    .description('send a component a signal; STOP and CONT make one that hangs')
    .addOption(new Option('-s, --signal <name>', 'which').default('KILL'))
    .action(async (wanted: string, { name, signal }: { name: string; signal: string }) =>
      signalComponent(name, await find(name, wanted), `SIG${signal.replace(/^SIG/, '')}` as NodeJS.Signals),
    );
}

async function find(name: string, wanted: string): Promise<Component> {
  const { settings } = runningState(name);
  return choose(allComponents(settings, await ensureBinaries(toStderr())), wanted, (component) => component.name);
}

function logNames(dir: string, name: string): string[] {
  runningState(name);
  return readdirSync(dir)
    .filter((file) => file.endsWith('.log'))
    .map((file) => file.slice(0, -'.log'.length).replace('.', '/'))
    .sort();
}

function choose<T>(all: readonly T[], wanted: string, nameOf: (item: T) => string): T {
  const found = all.find((item) => nameOf(item) === wanted);
  if (found !== undefined) return found;
  throw new Fault('CLUSTER_COMPONENT', `there is no ${wanted}`, { hint: `There are: ${all.map(nameOf).join(', ')}` });
}

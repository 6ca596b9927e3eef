import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Fault } from '../../src/lib/fault.ts';
import { processes } from './cgroups.ts';
import { type Entering, entering } from './namespaces.ts';
import { type Member, stateDir } from './settings.ts';
import { type Command, run } from './shell.ts';

/** A long-running program of the testbed. */
export interface Component {
  /** `etcd`; on a node with the node's name: `node-1/kubelet`. */
  readonly name: string;
  readonly member: Member;
  readonly scope: Entering['scope'];
  readonly command: Command;
  /**
   * Whether a command line is this component's; by default, whether it runs a program of the same name: another checkout may
   * have started it, with another version's files.
   */
  readonly isIt?: (words: readonly string[]) => boolean;
}

export const logFile = (testbed: string, component: string): string =>
  join(stateDir(testbed), 'log', `${component.replace('/', '.')}.log`);

/** As root's own shell would have it, and nothing of the starter's. */
export const componentEnv: NodeJS.ProcessEnv = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
};

/** Starts it, detached: it outlives the starter. Its output is appended to its log. */
export async function startComponent(testbed: string, component: Component): Promise<void> {
  const { member, scope, command } = component;
  const log = logFile(testbed, component.name);
  const detach = ['setsid', '--fork', 'sh', '-c', 'exec "$@" </dev/null >>"$0" 2>&1', log, ...command];
  await run(entering({ name: testbed, member, scope, owned: true }, detach), {
    env: componentEnv,
    title: `start of ${component.name}`,
  });
}

/** The machine's id of its process; undefined when it does not run. */
export function componentPid(testbed: string, component: Component): number | undefined {
  const { member, command, isIt = ([file = '']) => basename(file) === basename(command[0] ?? '') } = component;
  return processes(testbed, member).find((pid) => isIt(commandLine(pid)));
}

function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/** Ends it as `signal` does, and waits for its end; SIGKILL after 15 s. */
export async function stopComponent(
  testbed: string,
  component: Component,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<void> {
  const started = performance.now();
  for (let sent = ''; ; await delay(5)) {
    const pid = componentPid(testbed, component);
    if (pid === undefined) return;
    const wanted = performance.now() - started > 15_000 ? 'SIGKILL' : signal;
    // A child that it has just forked looks like itself.
    if (sent === `${wanted} ${pid}`) continue;
    send(pid, wanted);
    // One that is stopped would not see anything else.
    if (wanted !== 'SIGKILL') send(pid, 'SIGCONT');
    sent = `${wanted} ${pid}`;
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // Ended since it was found.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Sends it any signal: SIGSTOP and SIGCONT make a program that hangs. */
export function signalComponent(testbed: string, component: Component, signal: NodeJS.Signals): void {
  const pid = componentPid(testbed, component);
  if (pid === undefined) throw new Fault('CLUSTER_COMPONENT', `${component.name} does not run`);
  process.kill(pid, signal);
}

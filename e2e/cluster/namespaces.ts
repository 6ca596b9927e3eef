import { readFileSync, readlinkSync } from 'node:fs';
import { Fault } from '../../src/lib/fault.ts';
import { entrances, makeCgroups, processes } from './cgroups.ts';
import type { Member } from './settings.ts';
import { type Command, ended, quote, start } from './shell.ts';

/**
 * Process 1 of a member: nothing but a shell that waits, which is what reaps orphans. Its end is the end of the member.
 * It prints its process id as the machine sees it, as `/proc` is still the machine's.
 */
const init = `read pid rest < /proc/self/stat
echo "$pid"
exec > /dev/null
trap 'exit 0' TERM
while :; do sleep 2147483647 & wait; done`;

/**
 * A shell line that takes the shell into a member's cgroups. `nsenter` does not: a process that is only in a node's
 * namespaces would be missed by the programs attached to the node's cgroup, and by the clean-up.
 */
const enterCgroups = (name: string, member: Member): string =>
  entrances(name, member)
    .map((file) => `echo $$ > ${quote(file)}`)
    .join('\n');

/** As options of `unshare` and `nsenter`. A cgroup namespace makes a node's cgroups look like a machine's own. */
const kindsOf = (member: Member): string[] => [
  ...['-m', '-n', '-p', '-u', '-i'],
  ...(member === 'control-plane' ? [] : ['-C']),
];

/** Makes a member's cgroups and namespaces, with an init in them. Gives its process id. */
export async function createMember(name: string, member: Member): Promise<number> {
  makeCgroups(name, member);
  const child = start(
    [
      'sh',
      '-c',
      `${enterCgroups(name, member)}
exec setsid unshare ${kindsOf(member).join(' ')} --fork --propagation private --kill-child sh -c "$1" sluice-cluster-${name}-${member}`,
      'sh',
      init,
    ],
    { detached: true, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const pid = await new Promise<number>((resolve, reject) => {
    child.stdout?.setEncoding('utf8').once('data', (text: string) => resolve(Number(text)));
    void ended(child).then(({ error }) =>
      reject(new Fault('CLUSTER_NAMESPACES', `namespaces of ${member}: ${error?.message ?? stderr.trim()}`)),
    );
  });
  child.unref();
  child.stdout?.destroy();
  child.stderr?.destroy();
  return pid;
}

/** The init of a member as the machine numbers it; undefined when there is none. */
export function findInit(name: string, member: Member): number | undefined {
  return processes(name, member).find((pid) => {
    try {
      const [own, inner] = /^NSpid:\t(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]?.split('\t') ?? [];
      return own !== undefined && inner === '1' && readlinkSync(`/proc/${pid}/exe`) !== '';
    } catch {
      // Ended since it was listed.
      return false;
    }
  });
}

export interface Entering {
  readonly name: string;
  readonly member: Member;
  /** `all`: as a process of the member; `network`: the machine's files and processes, the member's network. */
  readonly scope: 'all' | 'network';
  /** Whether `down` ends it: it enters the member's cgroups. Always so with `all`. */
  readonly owned?: boolean;
}

/** The command that runs another in a member: in its cgroups, then in its namespaces. */
export function entering({ name, member, scope, owned }: Entering, command: Command): Command {
  const pid = findInit(name, member);
  if (pid === undefined)
    throw new Fault('CLUSTER_NOT_UP', `testbed ${name} has no ${member}`, {
      hint: 'See `npm run cluster -- status`, and `up` to start it.',
    });
  const kinds = scope === 'network' ? ['-n'] : kindsOf(member);
  const enter = ['nsenter', '-t', `${pid}`, ...kinds, '--', ...command];
  if (scope === 'network' && owned !== true) return enter;
  return ['sh', '-c', `${enterCgroups(name, member)}\nexec "$@"`, 'sh', ...enter];
}

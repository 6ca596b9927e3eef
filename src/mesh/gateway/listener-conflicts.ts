import type { Problem } from './conditions.ts';
import type { Entry, MergedGateway } from './merged-listeners.ts';

/**
 * Listeners that are not distinct. Within one object none of them wins (the spec forbids to pick one); between objects the
 * first in precedence does: the Gateway, then its ListenerSets by age (GEP-1713). Keys are the entries' ids.
 */
export function findConflicts(groups: readonly (readonly Entry[])[]): Map<string, Problem> {
  const conflicts = new Map<string, Problem>();
  const winners = new Map<string, Map<string, Entry>>();
  for (const group of groups) {
    // What loses to an earlier object is out, and stands in no sibling's way.
    const open = group.filter((entry) => {
      if (entry.unsupported !== undefined) return false;
      const problem = conflictWithWinners(entry, winners.get(socketOf(entry)));
      if (problem !== undefined) conflicts.set(entry.id, problem);
      return problem === undefined;
    });
    const own = Map.groupBy(open, socketOf);
    const passed = open.filter((entry) => {
      const problem = conflictWithin(entry, own.get(socketOf(entry)));
      if (problem !== undefined) conflicts.set(entry.id, problem);
      return problem === undefined;
    });
    for (const entry of passed) {
      const socket = socketOf(entry);
      const hosts = winners.get(socket);
      if (hosts === undefined) winners.set(socket, new Map([[entry.hostname, entry]]));
      else hosts.set(entry.hostname, entry);
    }
  }
  return conflicts;
}

/** The winners of a socket are of one family, so one of them speaks for all but the host. */
function conflictWithWinners(entry: Entry, winners: ReadonlyMap<string, Entry> | undefined): Problem | undefined {
  if (winners === undefined) return undefined;
  const other = winners.get(entry.hostname) ?? winners.values().next().value!;
  const reason = between(entry, other);
  return reason === undefined ? undefined : describe(reason, entry, other);
}

function conflictWithin(entry: Entry, others: readonly Entry[] = []): Problem | undefined {
  for (const other of others) {
    if (other === entry) continue;
    const reason = between(entry, other);
    if (reason !== undefined) return describe(reason, entry, other);
  }
  return undefined;
}

/** UDP has ports of its own. */
export function socketOf(entry: Pick<Entry, 'mode' | 'listener'>): string {
  return `${entry.mode === 'udp' ? 'udp' : 'tcp'}/${entry.listener.port}`;
}

/** Of the Gateway's own listeners and of its ListenerSets'. One that is not accepted as a whole takes none. */
export function socketsOf({ problem, entries }: MergedGateway): { readonly own: string[]; readonly sets: string[] } {
  const ports = { own: new Set<string>(), sets: new Set<string>() };
  for (const entry of problem === undefined ? entries : []) {
    if (entry.unsupported !== undefined || entry.conflict !== undefined) continue;
    ports[entry.owner.kind === 'Gateway' ? 'own' : 'sets'].add(socketOf(entry));
  }
  return { own: [...ports.own].sort(), sets: [...ports.sets].sort() };
}

type Family = 'plain' | 'tls' | 'raw';
function familyOf({ mode }: Entry): Family {
  return mode === 'http' ? 'plain' : mode === 'tcp' || mode === 'udp' ? 'raw' : 'tls';
}

function between(a: Entry, b: Entry): 'HostnameConflict' | 'ProtocolConflict' | undefined {
  const family = familyOf(a);
  // One that takes every connection leaves nothing to others on the port; clear text and TLS are not told apart.
  if (family !== familyOf(b) || family === 'raw') return 'ProtocolConflict';
  return a.hostname === b.hostname ? 'HostnameConflict' : undefined;
}

function describe(reason: 'HostnameConflict' | 'ProtocolConflict', entry: Entry, other: Entry): Problem {
  const { port, protocol } = entry.listener;
  // A sibling's names may be another team's: no more of it is told than what conflicts.
  const who =
    other.owner.kind === entry.owner.kind && other.owner.name === entry.owner.name ? ` ${other.listener.name}` : '';
  return reason === 'HostnameConflict'
    ? {
        reason,
        message: `another listener${who} has port ${port} and hostname ${entry.hostname} too`,
        hint: 'give each listener of a port a hostname of its own',
        field: `${entry.field}.hostname`,
      }
    : {
        reason,
        message: `another listener${who} uses port ${port} with protocol ${other.listener.protocol}, this one with ${protocol}`,
        hint: 'use another port: one port serves HTTP, or HTTPS and TLS, or a single TCP or UDP listener',
        field: `${entry.field}.port`,
      };
}

import type { Command } from 'commander';
import type { Identity } from '../../agent/rest/models/endpoint.ts';
import type { IPListEntry } from '../../agent/rest/models/state.ts';
import { Fault } from '../../lib/fault.ts';
import { type Cell, printRest, type RestOutput } from '../output/rest-output.ts';
import { askRest } from '../rest-client.ts';
import { outputOptions, type TargetFlags } from './rest-options.ts';

interface Flags extends TargetFlags {
  readonly output: RestOutput;
  readonly numeric?: boolean;
  readonly verbose?: boolean;
}

export function ipCommand(program: Command): void {
  const group = program
    .command('ip')
    .summary('addresses, and who is behind them')
    .description(
      "The agent's ipcache: for each address or network the identity behind it. Of several that match, the longest prefix counts.",
    );
  const list = (command: Command) =>
    outputOptions(command)
      .option('-n, --numeric', 'numbers of identities instead of their labels')
      .option('-v, --verbose', 'also the node that it is behind, and the key');
  list(group.command('list').argument('[cidr]', 'only what lies within this network'))
    .summary('all of them')
    .action((cidr: string | undefined, flags: Flags) => print(cidr, flags, false));
  list(group.command('get').argument('<cidr>', 'an address or a network'))
    .summary('one of them, and what lies within it')
    .action((cidr: string, flags: Flags) => print(cidr, flags, true));
}

async function print(cidr: string | undefined, flags: Flags, must: boolean): Promise<void> {
  const found = await askRest<IPListEntry[]>(
    flags,
    `/ip${cidr === undefined ? '' : `?cidr=${encodeURIComponent(cidr)}`}`,
  );
  if (found === undefined && must)
    throw new Fault('NO_ADDRESS', `nothing is known within ${cidr}`, { hint: 'what no entry matches is the world' });
  const entries = found ?? [];
  const labels = new Map<number, readonly string[]>();
  if (flags.output === 'table' && flags.numeric !== true)
    for (const { id, labels: of } of (await askRest<Identity[]>(flags, '/identity')) ?? []) labels.set(id, of);
  printRest(entries, flags.output, () => ({
    headers: ['IP', 'IDENTITY', 'SOURCE', ...(flags.verbose === true ? ['HOST', 'ENCRYPT_KEY'] : [])],
    rows: entries.map(({ cidr: prefix, identity, hostIP, metadata }): Cell[] => [
      prefix,
      labels.get(identity) ?? String(identity),
      metadata.name === undefined ? metadata.source : `${metadata.source} (${metadata.namespace}/${metadata.name})`,
      ...(flags.verbose === true ? [hostIP ?? '', '0'] : []),
    ]),
  }));
}

import type { Command } from 'commander';
import type { Identity, IdentityEndpoints } from '../../agent/rest/models/endpoint.ts';
import { Fault } from '../../lib/fault.ts';
import { printRest, type RestOutput } from '../output/rest-output.ts';
import { askRest } from '../rest-client.ts';
import { outputOptions, type TargetFlags } from './rest-options.ts';

interface Flags extends TargetFlags {
  readonly output: RestOutput;
  readonly endpoints?: boolean;
}

const headers = ['ID', 'LABELS (source:key[=value])'];

export function identityCommand(program: Command): void {
  const group = program
    .command('identity')
    .summary('identities: numbers for sets of labels')
    .description(
      'Identities that the running agent knows: reserved ones, those of the cluster, and networks that policies name.',
    );
  outputOptions(group.command('list').argument('[labels...]', 'only those that have all of these labels'))
    .option('--endpoints', 'those of endpoints of this node, and how many each has')
    .summary('all identities')
    .action(async (labels: string[], flags: Flags) => {
      if (flags.endpoints === true) {
        const used = (await askRest<IdentityEndpoints[]>(flags, '/identity/endpoints')) ?? [];
        printRest(used, flags.output, () => ({
          headers: [...headers, 'REFCOUNT'],
          rows: used.map(({ identity, refCount }) => [String(identity.id), identity.labels, String(refCount)]),
        }));
        return;
      }
      const found = (await askRest<Identity[]>(flags, '/identity', labels.length === 0 ? {} : { body: labels })) ?? [];
      printRest(found, flags.output, () => identityTable(found));
    });
  outputOptions(group.command('get').argument('<id>', 'its number'))
    .summary('one identity')
    .action(async (id: string, flags: Flags) => {
      const found = await askRest<Identity>(flags, `/identity/${encodeURIComponent(id)}`);
      if (found === undefined)
        throw new Fault('NO_IDENTITY', `there is no identity ${id}`, {
          hint: '`sluice identity list` shows those that there are',
        });
      printRest(found, flags.output, () => identityTable([found]));
    });
}

function identityTable(identities: readonly Identity[]) {
  return { headers, rows: identities.map(({ id, labels }) => [String(id), labels]) };
}

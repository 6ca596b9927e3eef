import { basename } from 'node:path';
import type { Command } from 'commander';
import type { BPFMap, BPFMapList } from '../../agent/rest/models/state.ts';
import { Fault } from '../../lib/fault.ts';
import { printRest, type RestOutput } from '../output/rest-output.ts';
import { askRest } from '../rest-client.ts';
import { outputOptions, type TargetFlags } from './rest-options.ts';

interface Flags extends TargetFlags {
  readonly output: RestOutput;
}

export function mapCommand(program: Command): void {
  const group = program
    .command('map')
    .summary("the datapath's maps")
    .description('Maps of the running agent: what should be in them, and what they hold.');
  outputOptions(group.command('list'))
    .summary('all maps')
    .action(async (flags: Flags) => {
      const list = (await askRest<BPFMapList>(flags, '/map')) ?? { maps: [] };
      printRest(list, flags.output, () => ({
        headers: ['Name', 'Num entries', 'Num errors', 'Cache enabled'],
        rows: list.maps.map(({ path, cache }) => [
          basename(path),
          String(cache?.length ?? 0),
          String(cache?.filter((entry) => entry['last-error'] !== undefined).length ?? 0),
          String(cache !== undefined),
        ]),
      }));
    });
  outputOptions(group.command('get').argument('<name>', 'its name'))
    .summary('what a map holds')
    .action(async (name: string, flags: Flags) => {
      const map = await askRest<BPFMap>(flags, `/map/${encodeURIComponent(name)}`);
      if (map === undefined)
        throw new Fault('NO_MAP', `there is no map ${name}`, { hint: '`sluice map list` shows those that there are' });
      printRest(map, flags.output, () => ({
        headers: ['Key', 'Value', 'State', 'Error'],
        rows: (map.cache ?? []).map((entry) => [
          entry.key,
          entry.value,
          entry['desired-action'],
          entry['last-error'] ?? '',
        ]),
      }));
    });
}

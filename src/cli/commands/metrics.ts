import type { Command } from 'commander';
import type { Metric } from '../../agent/rest/models/state.ts';
import { printRest, type RestOutput } from '../output/rest-output.ts';
import { askRest } from '../rest-client.ts';
import { outputOptions, type TargetFlags } from './rest-options.ts';

interface Flags extends TargetFlags {
  readonly output: RestOutput;
  readonly matchPattern?: string;
}

export function metricsCommand(program: Command): void {
  const group = program
    .command('metrics')
    .summary("a running agent's metrics")
    .description('What /metrics has for Prometheus, as a table.');
  outputOptions(group.command('list'))
    .option('-p, --match-pattern <text>', 'only metrics with this in their name')
    .summary('all metrics')
    .action(async (flags: Flags) => {
      const all = (await askRest<Metric[]>(flags, '/metrics/')) ?? [];
      const found = all.filter(({ name }) => flags.matchPattern === undefined || name.includes(flags.matchPattern));
      printRest(found, flags.output, () => ({
        headers: ['Metric', 'Labels', 'Value'],
        rows: found.map(({ name, labels, value }) => [
          name,
          Object.entries(labels)
            .map(([key, text]) => `${key}=${JSON.stringify(text)}`)
            .join(' '),
          String(value),
        ]),
      }));
    });
}

import { type Command, InvalidArgumentError, Option } from 'commander';
import { FlowAggregator, type MonitorEvent, monitorTypes, partyForms, verdicts } from '../../flows/index.ts';
import { duration } from '../arguments.ts';
import { flowLine } from '../output/flow-line.ts';
import { styleFor } from '../output/table.ts';
import { followRest } from '../rest-client.ts';
import { type TargetFlags, targetOptions } from './rest-options.ts';

interface MonitorFlags extends TargetFlags {
  readonly type?: string[];
  readonly verdict?: string[];
  readonly from?: string[];
  readonly to?: string[];
  readonly relatedTo?: string[];
  readonly protocol?: string[];
  readonly port?: string[];
  readonly last: number;
  readonly follow: boolean;
  readonly aggregate?: number;
  readonly output: 'text' | 'json';
  readonly numeric?: boolean;
  readonly verbose?: boolean;
}

export function monitorCommand(program: Command): void {
  const command = program
    .command('monitor')
    .addOption(new Option('-t, --type <types...>', 'only events of these types').choices(monitorTypes))
    .addOption(new Option('--verdict <verdicts...>', 'only these verdicts').choices(verdicts))
    .option('--from <who...>', `only from ${partyForms}`)
    .option('--to <who...>', 'only to these, named the same way')
    .option('--related-to <who...>', 'only from or to these')
    .option('--protocol <names...>', 'only these: TCP, UDP, ICMP, ICMPv6')
    .option('--port <ports...>', 'only from or to these')
    .option('--last <n>', 'begin with the last so many', last, 0)
    .option('--no-follow', 'end after these')
    .option('--aggregate <duration>', 'of alike events within this, such as 5s, the first and a sum', duration)
    .addOption(
      new Option('-o, --output <format>', 'lines for people, or an object a line')
        .choices(['text', 'json'])
        .default('text'),
    )
    .option('-n, --numeric', 'addresses instead of names')
    .option('-v, --verbose', 'also labels, devices, MAC addresses, and what a drop means');
  targetOptions(command)
    .summary('what the datapath does with packets, as it does it')
    .description(
      'Prints drops with their reason and the rule that wants it so, verdicts on new connections with the rule that decided, and traces of ' +
        'connections: their first packet, packets with flags of note, and one every few seconds. What could not be told is counted.',
    )
    .addHelpText(
      'after',
      '\nDrops and verdicts of policies are always kept. What else goes on (new connections without a policy, answers, ends) is traced\nwhile somebody follows; an agent with --trace-events=always keeps that too.\n' +
        '\nExamples:\n  sluice monitor --type drop\n  sluice monitor --related-to shop/web-1 -v\n  sluice monitor --last 20 --no-follow --verdict dropped -o json',
    )
    .action(run);
}

async function run(flags: MonitorFlags): Promise<void> {
  const stop = new AbortController();
  const end = () => stop.abort();
  process.once('SIGINT', end).once('SIGTERM', end);
  const style = styleFor(process.stdout);
  const print = (event: MonitorEvent) =>
    process.stdout.write(flags.output === 'json' ? `${JSON.stringify(event)}\n` : flowLine(event, { ...flags, style }));
  const sums = flags.aggregate === undefined ? undefined : new FlowAggregator();
  const tellSums = () => {
    for (const sum of sums?.end() ?? []) print(sum);
  };
  const timer = flags.aggregate === undefined ? undefined : setInterval(tellSums, flags.aggregate);
  try {
    for await (const line of followRest(flags, `/monitor?${queryOf(flags)}`, stop.signal)) {
      const event = JSON.parse(line) as MonitorEvent;
      const now = sums === undefined ? event : sums.add(event);
      if (now !== undefined) print(now);
    }
    tellSums();
  } finally {
    clearInterval(timer);
    process.off('SIGINT', end).off('SIGTERM', end);
  }
}

function last(value: string): number {
  if (!/^\d{1,4}$/.test(value)) throw new InvalidArgumentError('a number up to 5120 is needed.');
  return Number(value);
}

function queryOf(flags: MonitorFlags): string {
  const query = new URLSearchParams();
  const add = (key: string, values: readonly string[] = []) => {
    for (const value of values) query.append(key, value);
  };
  add('type', flags.type);
  add('verdict', flags.verdict);
  add('from', flags.from);
  add('to', flags.to);
  add('related', flags.relatedTo);
  add('protocol', flags.protocol);
  add('port', flags.port);
  if (flags.last > 0) query.set('last', String(flags.last));
  if (flags.follow) query.set('follow', 'true');
  return query.toString();
}

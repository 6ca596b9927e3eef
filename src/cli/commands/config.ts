import { type Command, InvalidArgumentError } from 'commander';
import { printRest, type RestOutput } from '../output/rest-output.ts';
import { askRest } from '../rest-client.ts';
import { outputOptions, type TargetFlags } from './rest-options.ts';

interface Flags extends TargetFlags {
  readonly output: RestOutput;
}

/** The part of `DaemonConfiguration` that is printed. */
interface Configuration {
  readonly spec: { readonly options: Readonly<Record<string, string>>; readonly 'policy-enforcement': string };
  readonly status: { readonly immutable: Readonly<Record<string, string>> };
}

/** As `cilium config` names it; in the API it is no option. */
const enforcement = 'PolicyEnforcement';

export function configCommand(program: Command): void {
  outputOptions(program.command('config').argument('[option=value...]', 'what to change', change))
    .summary("a running agent's options, and how to change them")
    .description(
      'Prints the options of the running agent. PolicyAuditMode, TraceNotification and PolicyVerdictNotification (Enabled, Disabled), ' +
        'MonitorAggregationLevel (None, Medium, Maximum) and PolicyEnforcement (default, always, never) can be changed while it runs; a ' +
        'change lasts until it ends.',
    )
    .addHelpText('after', '\nExamples:\n  sluice config\n  sluice config PolicyAuditMode=Enabled')
    .action(async (changes: readonly Change[] | undefined, flags: Flags) => {
      if (changes !== undefined && changes.length > 0) {
        const options = Object.fromEntries(changes.filter(([name]) => name !== enforcement));
        const mode = changes.find(([name]) => name === enforcement)?.[1];
        await askRest(flags, '/config', {
          method: 'PATCH',
          body: { options, ...(mode === undefined ? {} : { 'policy-enforcement': mode }) },
        });
        return;
      }
      const config = await askRest<Configuration>(flags, '/config');
      printRest(config, flags.output, () => ({
        headers: ['OPTION', 'VALUE', 'CAN BE CHANGED'],
        rows: [
          ...Object.entries(config?.spec.options ?? {}).map(([name, value]) => [name, value, 'yes']),
          [enforcement, config?.spec['policy-enforcement'] ?? '', 'yes'],
          ...Object.entries(config?.status.immutable ?? {}).map(([name, value]) => [name, value, 'no']),
        ],
      }));
    });
}

type Change = readonly [name: string, value: string];

function change(text: string, previous: readonly Change[] = []): readonly Change[] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('option=value is needed, such as PolicyAuditMode=Enabled.');
  return [...previous, [text.slice(0, equals), text.slice(equals + 1)]];
}

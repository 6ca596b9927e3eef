import { type Command, InvalidArgumentError } from 'commander';
import type { EndpointConfigurationSpec, LabelConfigurationStatus } from '../../agent/rest/models/endpoint.ts';
import { Fault } from '../../lib/fault.ts';
import { printRest, type RestOutput } from '../output/rest-output.ts';
import { askRest, type RestTarget } from '../rest-client.ts';
import { askEndpoint, idHelp } from './endpoint.ts';
import { outputOptions, type TargetFlags } from './rest-options.ts';

interface Flags extends TargetFlags {
  readonly output: RestOutput;
}
interface LabelFlags extends Flags {
  readonly add?: string[];
  readonly delete?: string[];
}

interface LabelConfiguration {
  readonly spec: { readonly user: readonly string[] };
  readonly status: LabelConfigurationStatus;
}

/** `endpoint labels` and `endpoint config`: what people may change of one endpoint. */
export function endpointChangeCommands(group: Command): void {
  outputOptions(group.command('labels').argument('<id>', idHelp))
    .option('-a, --add <labels...>', 'give it these, besides those of its pod: tier=front, k8s:app=web')
    .option('-d, --delete <labels...>', 'take these of them back')
    .summary('labels of an endpoint, and how to give it more')
    .description(
      'Prints the labels of an endpoint. Those that people give it are part of its identity like those of its pod, and outlive restarts of the ' +
        'agent; what the pod says itself they do not change.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  sluice endpoint labels pod-name:shop:web-1\n  sluice endpoint labels 17 -a quarantine=yes',
    )
    .action(async (id: string, flags: LabelFlags) => {
      const { spec, status } = await askEndpoint<LabelConfiguration>(flags, id, '/labels');
      if (flags.add !== undefined || flags.delete !== undefined) {
        const { add = [], delete: gone = [] } = flags;
        const unknown = gone.find((label) => !spec.user.some((own) => isLabel(own, label)));
        if (unknown !== undefined)
          throw new Fault('NO_LABEL', `nobody has given ${id} the label ${unknown}`, {
            hint: `\`sluice endpoint labels ${id}\` shows those that it was given`,
          });
        const user = [...spec.user.filter((own) => !gone.some((label) => isLabel(own, label))), ...add];
        await change(flags, id, '/labels', { user });
        return;
      }
      const rows = [
        ...status['security-relevant'].map((label) => [label, 'yes', spec.user.includes(label) ? 'yes' : '']),
        ...status.derived
          .filter((label) => !status['security-relevant'].includes(label))
          .map((label) => [label, 'no', spec.user.includes(label) ? 'yes' : '']),
      ];
      printRest({ spec, status }, flags.output, () => ({ headers: ['LABEL', 'IN ITS IDENTITY', 'GIVEN'], rows }));
    });
  outputOptions(
    group.command('config').argument('<id>', idHelp).argument('[option=value]', 'what to change', optionValue),
  )
    .summary('options of one endpoint, and how to change them')
    .description(
      'Prints the options of an endpoint. PolicyAuditMode (Enabled, Disabled) can be changed: its policy is told then, and not enforced. Until ' +
        'it is, it is as on the whole node (`sluice config`).',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  sluice endpoint config 17\n  sluice endpoint config 17 PolicyAuditMode=Enabled',
    )
    .action(async (id: string, options: Readonly<Record<string, string>> | undefined, flags: Flags) => {
      if (options !== undefined) {
        await change(flags, id, '/config', { options });
        return;
      }
      const config = await askEndpoint<{ readonly realized: EndpointConfigurationSpec }>(flags, id, '/config');
      printRest(config, flags.output, () => ({
        headers: ['OPTION', 'VALUE'],
        rows: Object.entries(config.realized.options).map(([name, value]) => [name, value]),
      }));
    });
}

function optionValue(text: string): Readonly<Record<string, string>> {
  const equals = text.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('option=value is needed, such as PolicyAuditMode=Enabled.');
  return { [text.slice(0, equals)]: text.slice(equals + 1) };
}

async function change(target: RestTarget, id: string, what: string, body: object): Promise<void> {
  await askRest(target, `/endpoint/${encodeURIComponent(id)}${what}`, { method: 'PATCH', body });
}

/** Without a source, a label of any is meant. */
function isLabel(own: string, label: string): boolean {
  return own === label || own.slice(own.indexOf(':') + 1) === label;
}

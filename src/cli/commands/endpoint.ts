import type { Command } from 'commander';
import type {
  Endpoint,
  EndpointHealth,
  EndpointPolicyEnabled,
  EndpointStatusChange,
} from '../../agent/rest/models/endpoint.ts';
import { Fault } from '../../lib/fault.ts';
import { type Cell, printRest, type RestOutput } from '../output/rest-output.ts';
import { askRest, type RestTarget } from '../rest-client.ts';
import { endpointChangeCommands } from './endpoint-changes.ts';
import { outputOptions, type TargetFlags } from './rest-options.ts';

interface Flags extends TargetFlags {
  readonly output: RestOutput;
  readonly labels?: string[];
}

export function endpointCommand(program: Command): void {
  const group = program
    .command('endpoint')
    .summary('the endpoints of a node: its pods, and itself')
    .description(
      'Endpoints of the running agent: the interfaces of its pods, and the host, with what policy does to them.',
    );
  outputOptions(group.command('list'))
    .option('-l, --labels <labels...>', 'only those that have all of these labels')
    .summary('all endpoints')
    .addHelpText('after', '\nExamples:\n  sluice endpoint list\n  sluice endpoint list -l k8s:app=web -o json')
    .action(async (flags: Flags) => {
      const found = await askRest<Endpoint[]>(
        flags,
        '/endpoint',
        flags.labels === undefined ? {} : { body: flags.labels },
      );
      printRest(found ?? [], flags.output, () => endpointTable(found ?? []));
    });
  const one = (name: string) => outputOptions(group.command(name).argument('<id>', idHelp));
  one('get')
    .summary('one endpoint')
    .action(async (id: string, flags: Flags) => {
      const endpoint = await askEndpoint<Endpoint>(flags, id);
      printRest(endpoint, flags.output, () => endpointTable([endpoint]));
    });
  one('log')
    .summary('what happened to an endpoint')
    .action(async (id: string, flags: Flags) => {
      const log = await askEndpoint<EndpointStatusChange[]>(flags, id, '/log');
      printRest(log, flags.output, () => ({
        headers: ['Timestamp', 'Status', 'State', 'Message'],
        rows: log.map(({ timestamp, code, state, message }) => [timestamp, code.toUpperCase(), state, message]),
      }));
    });
  one('health')
    .summary('health of an endpoint')
    .action(async (id: string, flags: Flags) => {
      const health = await askEndpoint<EndpointHealth>(flags, id, '/healthz');
      printRest(health, flags.output, () => ({
        headers: ['Overall Health', 'BPF Health', 'Policy Health', 'Connected'],
        rows: [[health.overallHealth, health.bpf, health.policy, health.connected ? 'yes' : 'no']],
      }));
    });
  endpointChangeCommands(group);
}

export const idHelp = 'a number, or pod-name:NAMESPACE:NAME, container-id:ID, ipv4:ADDRESS, ipv6:ADDRESS';

export async function askEndpoint<T>(target: RestTarget, id: string, what = ''): Promise<T> {
  const answer = await askRest<T>(target, `/endpoint/${encodeURIComponent(id)}${what}`);
  if (answer === undefined)
    throw new Fault('NO_ENDPOINT', `there is no endpoint ${id}`, {
      hint: '`sluice endpoint list` shows those that there are',
    });
  return answer;
}

export function endpointTable(endpoints: readonly Endpoint[]) {
  return {
    headers: [
      'ENDPOINT',
      'POLICY (ingress)',
      'POLICY (egress)',
      'IDENTITY',
      'LABELS (source:key[=value])',
      'IPv6',
      'IPv4',
      'STATUS',
    ],
    rows: [
      // The header has a second line.
      ['', 'ENFORCEMENT', 'ENFORCEMENT', '', '', '', '', ''],
      ...endpoints.map(({ id, status }): Cell[] => {
        const enabled = status.policy.realized['policy-enabled'];
        const addresses = status.networking.addressing;
        const labels = status.identity?.labels ?? status.labels['security-relevant'];
        const of = (family: 'ipv4' | 'ipv6') => {
          const found = addresses.flatMap((pair) => pair[family] ?? []);
          return found.length === 0 && addresses.length === 0 ? 'No address' : found;
        };
        return [
          String(id),
          enforcement(enabled, 'ingress'),
          enforcement(enabled, 'egress'),
          status.identity === undefined ? '<no label id>' : String(status.identity.id),
          labels.length === 0 ? 'no labels' : labels,
          of('ipv6'),
          of('ipv4'),
          status.state,
        ];
      }),
    ],
  };
}

function enforcement(enabled: EndpointPolicyEnabled, direction: 'ingress' | 'egress'): string {
  if (enabled === direction || enabled === 'both') return 'Enabled';
  return enabled === `audit-${direction}` || enabled === 'audit-both' ? 'Disabled (Audit)' : 'Disabled';
}

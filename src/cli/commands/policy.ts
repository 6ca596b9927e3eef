import { type Command, InvalidArgumentError } from 'commander';
import type { Identity, Port } from '../../agent/rest/models/endpoint.ts';
import type { Policy, PolicyTraceResult, SelectorIdentityMapping } from '../../agent/rest/models/state.ts';
import { Fault } from '../../lib/fault.ts';
import { type EndpointPolicyMap, policyMapTable } from '../output/policy-map-table.ts';
import { printRest, type RestOutput } from '../output/rest-output.ts';
import { askRest } from '../rest-client.ts';
import { labelsOfSide, sideForms } from '../trace-labels.ts';
import { askEndpoint, idHelp } from './endpoint.ts';
import { policyChangeCommands } from './policy-import.ts';
import { outputOptions, type TargetFlags, targetOptions } from './rest-options.ts';

interface Flags extends TargetFlags {
  readonly output: RestOutput;
}
interface GetFlags extends Flags {
  readonly numeric?: boolean;
}
interface TraceFlags extends TargetFlags {
  readonly src: string;
  readonly dst: string;
  readonly dport?: readonly Port[];
  readonly verbose?: boolean;
}

export function policyCommand(program: Command): void {
  const group = program
    .command('policy')
    .summary('the policies of a node: rules, selectors, maps, and why a connection is allowed or not')
    .description(
      'What the running agent makes of CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy and NetworkPolicy objects, and of rules that it alone was given.',
    );
  outputOptions(group.command('list').argument('[labels...]', 'only rules that have all of these labels'))
    .summary('the rules, as objects have them')
    .addHelpText(
      'after',
      '\nExamples:\n  sluice policy list\n  sluice policy list k8s:io.cilium.k8s.policy.name=web -o json',
    )
    .action(async (labels: string[], flags: Flags) => {
      const policy = await askRest<Policy>(flags, '/policy', labels.length === 0 ? {} : { body: labels });
      const rules = policy === undefined ? [] : (JSON.parse(policy.policy) as Rule[]);
      printRest(
        flags.output === 'table' ? rules : { revision: policy?.revision ?? 0, policy: rules },
        flags.output,
        () => ({
          headers: ['KIND', 'NAMESPACE', 'NAME', 'SELECTS', 'SECTIONS'],
          rows: rules.map(ruleRow),
        }),
      );
    });
  outputOptions(group.command('get').argument('<endpoint>', idHelp))
    .option('-n, --numeric', 'numbers of identities instead of their labels')
    .summary("an endpoint's policy map: what is allowed, by which rule, and how often it was used")
    .action(async (id: string, flags: GetFlags) => {
      const policy = await askEndpoint<EndpointPolicyMap>(flags, id, '/policy');
      const identities =
        flags.output === 'table' && flags.numeric !== true
          ? ((await askRest<Identity[]>(flags, '/identity')) ?? [])
          : [];
      printRest(policy, flags.output, () => policyMapTable(policy, identities, flags.numeric === true));
    });
  outputOptions(group.command('selectors'))
    .summary('what selectors of rules select')
    .action(async (flags: Flags) => {
      const selectors = (await askRest<SelectorIdentityMapping[]>(flags, '/policy/selectors')) ?? [];
      printRest(selectors, flags.output, () => ({
        headers: ['SELECTOR', 'USERS', 'IDENTITIES'],
        rows: selectors.map(({ selector, users, identities }) => [selector, String(users), identities.map(String)]),
      }));
    });
  policyChangeCommands(group);
  targetOptions(group.command('trace'))
    .requiredOption('--src <who>', `who sends: ${sideForms}`)
    .requiredOption('--dst <who>', 'who receives, named the same way')
    .option('--dport <port/protocol>', '80/TCP, http/TCP, 53/UDP, 8/ICMP; may be given several times', dport)
    .option('-v, --verbose', 'every rule that was considered')
    .summary('which rule of which policy decides about a connection')
    .description(
      'Asks the running agent what both sides decide: the egress of who sends, and the ingress of who receives. Exit code 1 where it is denied.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  sluice policy trace --src shop/web-1 --dst shop/cart-1 --dport 80/TCP\n' +
        '  sluice policy trace --src world --dst k8s:app=web,k8s:io.kubernetes.pod.namespace=shop --dport 443/TCP -v',
    )
    .action(async (flags: TraceFlags) => {
      const [from, to] = await Promise.all([labelsOfSide(flags, flags.src), labelsOfSide(flags, flags.dst)]);
      const result = await askRest<PolicyTraceResult>(flags, '/policy/resolve', {
        body: {
          from: { labels: from },
          to: { labels: to, dports: flags.dport ?? [] },
          verbose: flags.verbose === true,
        },
      });
      if (result === undefined) throw new Fault('AGENT_ANSWER', 'the agent traces no policies');
      process.stdout.write(`${result.log}\nFinal verdict: ${result.verdict.toUpperCase()}\n`);
      process.exitCode = result.verdict === 'allowed' ? 0 : 1;
    });
}

/** `80/TCP`; without a protocol any. */
export function dport(value: string, previous: readonly Port[] = []): readonly Port[] {
  const match = /^([\w-]+)(?:\/(tcp|udp|icmp|icmpv6|any))?$/i.exec(value);
  const number = match === null ? Number.NaN : Number(match[1]);
  if (match === null || number > 65_535)
    throw new InvalidArgumentError('a port is a number up to 65535 or a name, with its protocol: 80/TCP.');
  const protocol = (match[2] ?? 'any').toUpperCase() as Port['protocol'];
  return [...previous, Number.isNaN(number) ? { protocol, name: match[1] as string } : { protocol, port: number }];
}

interface Rule extends Readonly<Record<string, unknown>> {
  readonly labels: readonly { readonly key: string; readonly value: string; readonly source: string }[];
}

const sections = ['ingress', 'ingressDeny', 'egress', 'egressDeny'];

function ruleRow(rule: Rule): string[] {
  const label = (name: string) => rule.labels.find(({ key }) => key === `io.cilium.k8s.policy.${name}`)?.value ?? '';
  const local = rule.labels.find(({ source, key }) => source === 'sluice' && key === 'policy')?.value;
  return [
    local === undefined ? label('derived-from') : 'LocalPolicy',
    label('namespace'),
    local ?? label('name'),
    JSON.stringify(rule.endpointSelector ?? rule.nodeSelector ?? {}),
    sections.filter((section) => rule[section] !== undefined).join(', '),
  ];
}

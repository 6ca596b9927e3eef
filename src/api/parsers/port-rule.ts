import type { L7Rules, PolicyPort, PortRule } from '../cilium-policy.ts';
import {
  type Context,
  check,
  defaulted,
  integer,
  list,
  map,
  object,
  oneOf,
  optional,
  required,
  type Schema,
  string,
} from '../schema/index.ts';
import { l7Rules, secretName } from './l7-rules.ts';
import { MAX_PORTS, policyPort } from './policy-ports.ts';

/* Elements of `toPorts`. */

const ports = list(policyPort, { max: MAX_PORTS });

const tlsContext = object({
  secret: required(secretName),
  trustedCA: optional(string()),
  certificate: optional(string()),
  privateKey: optional(string()),
});

const listener = object({
  envoyConfig: required(
    object({
      kind: required(oneOf('CiliumEnvoyConfig', 'CiliumClusterwideEnvoyConfig')),
      name: required(string({ min: 1 })),
    }),
  ),
  name: required(string({ min: 1 })),
  priority: optional(integer(1, 100)),
});

/** Of a rule that denies: ports alone. */
export const denyPortRule: Schema<PortRule> = map(object({ ports: defaulted(ports, []) }), (read, context) => {
  warnOfNoPorts(read.ports, context);
  return { ...read, serverNames: [] };
});

const fields = object({
  ports: defaulted(ports, []),
  rules: optional(l7Rules),
  terminatingTLS: optional(tlsContext),
  originatingTLS: optional(tlsContext),
  serverNames: defaulted(list(string({ min: 1 })), []),
  listener: optional(listener),
});
type Read = ReturnType<typeof fields>;

/** Of a rule that allows. */
export function portRule(direction: 'ingress' | 'egress'): Schema<PortRule> {
  const checked = check(fields, (read, context) => {
    const { rules } = read;
    if (rules !== undefined) checkL7(rules, read, direction, context);
    if (read.listener !== undefined) checkListener(read, direction, context);
    if (rules?.kind !== 'dns') warnOfNoPorts(read.ports, context);
  });
  // `rules: {}` names no protocol: then there are none.
  return map(checked, ({ rules, ...rest }): PortRule => (rules === undefined ? rest : { ...rest, rules }));
}

function warnOfNoPorts(all: readonly PolicyPort[], context: Context): void {
  if (all.length === 0)
    context.warning(
      'InvalidValue',
      'has no ports, so the element matches nothing',
      'list ports; port "0" is all of them',
      ['ports'],
    );
}

function checkL7(rules: L7Rules, read: Read, direction: 'ingress' | 'egress', context: Context): void {
  const dns = rules.kind === 'dns';
  if (dns && direction === 'ingress')
    context.error(
      'InvalidValue',
      'are not possible on ingress',
      'DNS rules are about queries that go out: move them to egress',
      ['rules', 'dns'],
    );
  if (dns && read.ports.length === 0)
    context.error('MissingField', 'is missing', 'DNS rules need a port: port "53"', ['ports']);
  if (read.serverNames.length > 0 && read.terminatingTLS === undefined)
    context.error(
      'InvalidValue',
      `must not be set with rules of ${rules.kind} unless TLS ends here`,
      'set terminatingTLS, or remove one of the two',
      ['serverNames'],
    );
  for (const [i, port] of read.ports.entries()) checkL7Port(rules, port, i, context);
}

function checkL7Port({ kind }: L7Rules, { port, endPort, protocol }: PolicyPort, i: number, context: Context): void {
  const dns = kind === 'dns';
  const at = (field: string) => ['ports', i, field];
  if (port === 0)
    context.error('InvalidValue', 'is 0, which is all ports', `rules of ${kind} need a port of their own`, at('port'));
  if (dns ? protocol === 'SCTP' : protocol !== 'TCP')
    context.error(
      'InvalidValue',
      `is ${protocol}, which rules of ${kind} cannot be applied to`,
      dns ? 'DNS is TCP, UDP or ANY' : 'write protocol: TCP (ANY is what it is where none is written)',
      at('protocol'),
    );
  if (dns && endPort !== undefined)
    context.error('InvalidValue', 'must not be set with DNS rules', 'list each port', at('endPort'));
}

function checkListener(read: Read, direction: 'ingress' | 'egress', context: Context): void {
  if (direction === 'ingress')
    context.error('InvalidValue', 'is not possible on ingress', 'move it to egress, or use an L7 rule', ['listener']);
  if (read.rules !== undefined)
    context.error('InvalidValue', 'must not be set with L7 rules', 'let the listener decide, or the rules', [
      'listener',
    ]);
}

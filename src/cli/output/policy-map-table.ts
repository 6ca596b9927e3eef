import type { Identity } from '../../agent/rest/models/endpoint.ts';
import type { CountedEntryView } from '../../agent/rest/view/policy-view.ts';
import { portName, protocolOf } from '../../agent/rest/words/ports.ts';
import type { Cell } from './rest-output.ts';

/** What `/endpoint/{id}/policy` answers. */
export interface EndpointPolicyMap {
  readonly revision: number;
  readonly ingress: boolean;
  readonly egress: boolean;
  readonly audit: boolean;
  readonly entries: readonly CountedEntryView[];
}

const verdicts = { allow: 'Allow', deny: 'Deny', redirect: 'Allow' } as const;

/** As `cilium bpf policy get` prints it, and the rule. */
export function policyMapTable({ entries }: EndpointPolicyMap, identities: readonly Identity[], numeric: boolean) {
  const labels = new Map(identities.map((identity) => [identity.id, identity.labels]));
  const who = (identity: number): Cell => {
    if (numeric) return String(identity);
    return identity === 0 ? 'ANY' : (labels.get(identity) ?? String(identity));
  };
  return {
    headers: [
      'POLICY',
      'DIRECTION',
      numeric ? 'IDENTITY' : 'LABELS (source:key[=value])',
      'PORT/PROTO',
      'PROXY PORT',
      'BYTES',
      'PACKETS',
      'RULE',
    ],
    rows: entries.map((entry): Cell[] => [
      verdicts[entry.verdict],
      entry.direction === 'ingress' ? 'Ingress' : 'Egress',
      who(entry.identity),
      entry.protocol === 0 ? protocolOf(entry) : `${portName(entry)}/${protocolOf(entry)}`,
      entry.verdict === 'redirect' ? String(entry.proxyPort ?? 0) : 'NONE',
      String(entry.bytes),
      String(entry.packets),
      entry.rule,
    ]),
  };
}

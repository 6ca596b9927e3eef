import type { ObjectRef } from '../../api/index.ts';

/** A place in a policy that decides about packets; or, without a policy, a decision of the mesh's own. */
export interface RuleRef {
  /** In map entries, connections and events; not 0, which stands for no rule. Mostly the same after a restart. */
  readonly number: number;
  /** Absent on rules that nobody wrote: see {@link builtIn}. */
  readonly policy?: ObjectRef;
  /** `ingress[0].toPorts[1]`, in an object with `specs` `specs[2].egressDeny[0]`. Of one of ours, its name. */
  readonly path: string;
}

/** What decides where no policy does; numbers below 16 are these alone. */
export const builtIn = {
  /** Traffic of the own node to its pods (`allow-localhost`). */
  allowLocalhost: { number: 1, path: 'allow-localhost' },
  /** Policies select the endpoint, but none of them puts it into default deny. */
  noDefaultDeny: { number: 2, path: 'no-default-deny' },
  /** No policy selects the endpoint. */
  notEnforced: { number: 3, path: 'not-enforced' },
} as const satisfies Record<string, RuleRef>;

/** For people: `default/shop ingress[0].toPorts[1]`. */
export function formatRuleRef({ policy, path }: RuleRef): string {
  if (policy === undefined) return path;
  return `${policy.namespace === undefined ? '' : `${policy.namespace}/`}${policy.name} ${path}`;
}

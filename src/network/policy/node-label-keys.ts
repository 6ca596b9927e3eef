import type { PolicyRule, TrafficRule } from '../../api/index.ts';
import { NODE_LABEL_SOURCE } from '../identity/index.ts';
import type { PolicyObject } from './policy-engine-types.ts';

/**
 * The labels by which policies tell nodes apart: each one that a selector of nodes names. Nodes that are alike in these have one
 * identity, so that a thousand nodes are as many as there are roles or zones in policies, and none where no policy asks.
 */
export class NodeLabelKeys {
  readonly #users = new Map<string, number>();
  readonly #byPolicy = new Map<string, ReadonlySet<string>>();
  readonly #keys = new Set<string>();
  #revision = 0;

  get keys(): ReadonlySet<string> {
    return this.#keys;
  }

  /** Rises with each change of {@link keys}. */
  get revision(): number {
    return this.#revision;
  }

  /**
   * Undefined removes the policy. What it alone named stays among the {@link keys} until {@link settle}: while it is still in force,
   * nodes that it tells apart are not the same.
   */
  set(name: string, policy: PolicyObject | undefined): void {
    const before = this.#byPolicy.get(name) ?? none;
    const now = policy === undefined ? none : keysOf(policy);
    if (now.size === 0) this.#byPolicy.delete(name);
    else this.#byPolicy.set(name, now);
    for (const key of now) this.#users.set(key, (this.#users.get(key) ?? 0) + 1);
    for (const key of before) {
      const users = this.#users.get(key)! - 1;
      if (users === 0) this.#users.delete(key);
      else this.#users.set(key, users);
    }
    const known = this.#keys.size;
    for (const key of now) this.#keys.add(key);
    if (this.#keys.size > known) this.#revision++;
  }

  /** The policies are in force. Returns whether there are fewer keys now. */
  settle(): boolean {
    const known = this.#keys.size;
    for (const key of this.#keys) if (!this.#users.has(key)) this.#keys.delete(key);
    if (this.#keys.size === known) return false;
    this.#revision++;
    return true;
  }
}

const none: ReadonlySet<string> = new Set();

function keysOf(policy: PolicyObject): ReadonlySet<string> {
  const keys = new Set<string>();
  if (policy.kind === 'NetworkPolicy') return keys;
  for (const rule of policy.rules) for (const element of elementsOf(rule)) addKeys(element, keys);
  return keys;
}

function elementsOf({ ingress, ingressDeny, egress, egressDeny }: PolicyRule): readonly TrafficRule[] {
  return [...ingress, ...ingressDeny, ...egress, ...egressDeny];
}

/** Selectors of endpoints may name nodes' labels as well, with their source, beside a reserved one. */
function addKeys({ peers, requires }: TrafficRule, keys: Set<string>): void {
  const selectors = [...requires, ...(peers?.kind === 'endpoints' || peers?.kind === 'nodes' ? peers.selectors : [])];
  for (const { source, key } of selectors.flat())
    if (source === NODE_LABEL_SOURCE || (peers?.kind === 'nodes' && source !== 'reserved')) keys.add(key);
}

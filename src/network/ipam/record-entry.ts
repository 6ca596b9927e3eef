import { parseIp } from '../../lib/ip-address.ts';

/**
 * What happens to a node's addresses, one thing at a time: what the record on disk consists of. Applying all of them in
 * order makes the state again.
 */
export type RecordEntry =
  /**
   * `cidr`: where it was found, when it was looked for; absent where this very address was asked for. `fromHolder`: somebody had it
   * until now.
   */
  | {
      readonly op: 'take';
      readonly address: string;
      readonly owner: string;
      readonly description?: string;
      readonly cidr?: string;
      readonly expires?: number;
      readonly fromHolder?: true;
    }
  | { readonly op: 'drop'; readonly address: string }
  /** The address was the last that was given out of this CIDR. */
  | { readonly op: 'passed'; readonly cidr: string; readonly address: string }
  /** The CIDR is given back. It must not be used again by a process that has an old list of Pod CIDRs before it. */
  | { readonly op: 'release'; readonly cidr: string }
  /** It is in the node's list no more; if it comes again, it is a new one. */
  | { readonly op: 'forget'; readonly cidr: string };

/** Undefined for anything that is no entry. */
export function parseEntry(value: unknown): RecordEntry | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { op, address, owner, description, cidr, expires, fromHolder } = value as Readonly<Record<string, unknown>>;
  const isText = (each: unknown): each is string => typeof each === 'string' && each !== '';
  const isAddress = (each: unknown): each is string => isText(each) && parseIp(each) !== undefined;
  switch (op) {
    case 'take':
      if (!isAddress(address) || !isText(owner)) return undefined;
      return {
        op,
        address,
        owner,
        ...(isText(description) ? { description } : {}),
        ...(isText(cidr) ? { cidr } : {}),
        ...(typeof expires === 'number' ? { expires } : {}),
        ...(fromHolder === true ? { fromHolder } : {}),
      };
    case 'drop':
      return isAddress(address) ? { op, address } : undefined;
    case 'passed':
      return isText(cidr) && isAddress(address) ? { op, cidr, address } : undefined;
    case 'release':
    case 'forget':
      return isText(cidr) ? { op, cidr } : undefined;
    default:
      return undefined;
  }
}

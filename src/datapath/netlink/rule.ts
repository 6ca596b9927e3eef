import type { IpFamily } from '../../lib/ip-address.ts';
import { cString, encodeAttributes, parseAttributes, readString, readU32, u32 } from './attributes.ts';
import { addressFamily, ipBytes, ipFamily, ipText, prefixOf } from './ip-bytes.ts';
import { malformed } from './malformed.ts';

/** A rule of policy routing that looks into a table: `struct fib_rule_hdr` and its attributes (linux/fib_rules.h). */
export interface Rule {
  readonly family: IpFamily;
  /** Rules are asked in this order. */
  readonly priority: number;
  readonly table: number;
  /** Prefixes. */
  readonly from?: string;
  readonly to?: string;
  /** The packet's mark, under the mask. */
  readonly mark?: number;
  readonly mask?: number;
  /** Name of the interface that it came in by. */
  readonly inbound?: string;
  /** Who made it. */
  readonly protocol: number;
}

export const ruleRequest = { newRule: 32, deleteRule: 33, getRule: 34 } as const;

const attribute = { to: 1, from: 2, inbound: 3, priority: 6, mark: 10, table: 15, mask: 16, protocol: 21 } as const;
/** FR_ACT_TO_TBL. */
const lookUp = 1;
const fixedSize = 12;

/** The payload of RTM_NEWRULE and RTM_DELRULE. @throws Fault NETLINK_MALFORMED for text that is no prefix */
export function encodeRule(rule: Rule): Buffer {
  const fixed = Buffer.alloc(fixedSize);
  fixed.writeUInt8(addressFamily(rule.family), 0);
  fixed.writeUInt8(rule.table < 256 ? rule.table : 0, 4);
  fixed.writeUInt8(lookUp, 7);
  const attributes: (readonly [number, Buffer])[] = [
    [attribute.priority, u32(rule.priority)],
    [attribute.table, u32(rule.table)],
    [attribute.protocol, Buffer.of(rule.protocol)],
  ];
  for (const [type, at, text] of [[attribute.to, 1, rule.to] as const, [attribute.from, 2, rule.from] as const]) {
    if (text === undefined) continue;
    const { ip, length } = prefixOf(text);
    if (ip.family !== rule.family) throw malformed(`a rule of IPv${rule.family} with ${text}`);
    fixed.writeUInt8(length, at);
    attributes.push([type, ipBytes(ip)]);
  }
  if (rule.inbound !== undefined) attributes.push([attribute.inbound, cString(rule.inbound)]);
  if (rule.mark !== undefined) attributes.push([attribute.mark, u32(rule.mark)]);
  if (rule.mask !== undefined) attributes.push([attribute.mask, u32(rule.mask)]);
  return Buffer.concat([fixed, encodeAttributes(attributes)]);
}

/** The payload of RTM_GETRULE, for all of both families. */
export function encodeRuleQuery(): Buffer {
  return Buffer.alloc(fixedSize);
}

/** Undefined for rules that do not look into a table, and for other families. @throws Fault NETLINK_MALFORMED */
export function parseRule(payload: Buffer): Rule | undefined {
  if (payload.length < fixedSize) throw malformed(`a rule message of ${payload.length} bytes`);
  const family = ipFamily(payload.readUInt8(0));
  if (family === undefined || payload.readUInt8(7) !== lookUp) return undefined;
  const attributes = parseAttributes(payload.subarray(fixedSize));
  const prefix = (type: number, at: number) => {
    const bytes = attributes.get(type);
    return bytes === undefined ? undefined : `${ipText(family, bytes)}/${payload.readUInt8(at)}`;
  };
  const [to, from, inbound] = [
    prefix(attribute.to, 1),
    prefix(attribute.from, 2),
    readString(attributes.get(attribute.inbound)),
  ];
  const [mark, mask] = [readU32(attributes.get(attribute.mark)), readU32(attributes.get(attribute.mask))];
  return {
    family,
    priority: readU32(attributes.get(attribute.priority)) ?? 0,
    table: readU32(attributes.get(attribute.table)) ?? payload.readUInt8(4),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(mark === undefined ? {} : { mark }),
    ...(mask === undefined ? {} : { mask }),
    ...(inbound === undefined ? {} : { inbound }),
    protocol: attributes.get(attribute.protocol)?.[0] ?? 0,
  };
}

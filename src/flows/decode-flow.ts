import { DropReason, EventFlag, EventType, event as layout } from '../gen/abi.ts';
import { formatIp } from '../lib/ip-address.ts';
import { dropReason } from './drop-reasons.ts';
import type { DropDetail, Flow, Party, PolicyDetail } from './flow.ts';
import type { FlowContext } from './flow-context.ts';
import type { MonotonicClock } from './monotonic-clock.ts';
import {
  connectionNames,
  fileNames,
  pointNames,
  protocolName,
  tcpFlagsText,
  typeNames,
  verdictNames,
} from './names.ts';

const at = layout.offsets;
const tcp = 6;
const withPorts = new Set([tcp, 17, 132]);
const icmp = new Set([1, 58]);
const { reply, fragment, notEnforced, rejudged } = EventFlag;

/**
 * A record of the map `events` (`struct event`) with what the node knows about its numbers. The bytes are read now and not
 * kept. Undefined for a record of a type that this version does not know.
 */
export function decodeFlow(
  view: DataView,
  start: number,
  context: FlowContext,
  clock: MonotonicClock,
): Flow | undefined {
  const u8 = (offset: number) => view.getUint8(start + offset);
  const u32 = (offset: number) => view.getUint32(start + offset, true);
  const type = typeNames[u8(at.type)];
  const verdict = verdictNames[u8(at.verdict)];
  if (type === undefined || verdict === undefined) return undefined;
  const family = u8(at.family);
  const protocol = u8(at.protocol);
  const flags = u8(at.flags);
  const endpoint = view.getUint16(start + at.endpoint, true);
  const direction = u8(at.direction) === 0 ? 'ingress' : 'egress';
  const ports = withPorts.has(protocol);
  const party = (address: number, port: number, identity: number, mac: number): Party => {
    const ip = family === 0 ? '' : addressText(view, start + address);
    const owner = ip === '' ? undefined : context.address(ip);
    const hardware = macText(view, start + mac);
    return {
      address: ip,
      ...(ports ? { port: view.getUint16(start + port, false) } : {}),
      identity,
      labels: context.labels(identity) ?? [],
      ...(owner?.pod === undefined ? {} : { pod: owner.pod }),
      ...(owner?.endpoint === undefined ? {} : { endpoint: owner.endpoint }),
      ...(hardware === undefined ? {} : { mac: hardware }),
    };
  };
  const reason = u8(at.reason);
  const rule = context.rule(u32(at.rule));
  const denied = type === 'drop' && reason === DropReason.policyDenied;
  const policy: PolicyDetail = {
    match: matchOf(u8(at.matchPrefixlen), u8(at.matchIdentity) === 1),
    ...(rule === undefined ? {} : { rule }),
    ...(denied && endpoint !== 0 ? { defaultDenyBy: context.defaultDenyBy(endpoint, direction) } : {}),
    enforced: (flags & notEnforced) === 0,
  };
  const connection = (flags & reply) !== 0 ? 'reply' : connectionNames[reason];
  const device = context.interface(u32(at.ifindex));
  const target = u32(at.targetIfindex);
  const targetDevice = target === 0 ? undefined : (context.interface(target) ?? String(target));
  const proxyPort = view.getUint16(start + at.proxyPort, false);
  return {
    kind: 'flow',
    time: clock.toEpoch(view.getBigUint64(start + at.time, true)),
    type,
    verdict,
    direction,
    point: pointNames[u8(at.point)] ?? String(u8(at.point)),
    ...(endpoint === 0 ? {} : { endpoint }),
    source: party(at.source, at.sourcePort, u32(at.sourceIdentity), at.sourceMac),
    destination: party(at.destination, at.destinationPort, u32(at.destinationIdentity), at.destinationMac),
    ...(protocol === 0 ? {} : { protocol: protocolName(protocol) }),
    ...(protocol === tcp && u8(at.tcpFlags) !== 0 ? { tcpFlags: tcpFlagsText(u8(at.tcpFlags)) } : {}),
    ...(icmp.has(protocol) ? { icmp: { type: u8(at.icmpType), code: u8(at.icmpCode) } } : {}),
    ...(type === 'drop'
      ? { drop: dropDetail(reason, u32(at.location)) }
      : connection === undefined
        ? {}
        : { connection }),
    policy,
    length: u32(at.length),
    ...(device === undefined ? {} : { interface: device }),
    ...(targetDevice === undefined ? {} : { targetInterface: targetDevice }),
    ...((flags & fragment) === 0 ? {} : { fragment: true }),
    ...((flags & rejudged) === 0 ? {} : { rejudged: true }),
    ...(proxyPort === 0 ? {} : { proxyPort }),
  };
}

/** Whether a record has a type that decodes. */
export function isKnown(view: DataView, start: number): boolean {
  const type = view.getUint8(start + at.type);
  return type === EventType.drop || type === EventType.trace || type === EventType.policyVerdict;
}

function dropDetail(reason: number, location: number): DropDetail {
  const file = location >>> 16;
  return { reason, ...dropReason(reason), location: `${fileNames[file] ?? file}:${location & 0xffff}` };
}

/** From `policy_key.prefixlen`: 40 bits are identity and direction, more of them protocol and port. */
function matchOf(prefixlen: number, exactIdentity: boolean): PolicyDetail['match'] {
  if (prefixlen === 0) return 'none';
  if (prefixlen <= 40) return exactIdentity ? 'L3-only' : 'all';
  return exactIdentity ? 'L3-L4' : 'L4-only';
}

/** IPv4 stands in the last 4 bytes, after ::ffff (RFC 4291, 2.5.5.2). */
function addressText(view: DataView, start: number): string {
  const high = view.getBigUint64(start, false);
  const low = view.getBigUint64(start + 8, false);
  if (high === 0n && low >> 32n === 0xffffn)
    return `${view.getUint8(start + 12)}.${view.getUint8(start + 13)}.${view.getUint8(start + 14)}.${view.getUint8(start + 15)}`;
  return formatIp({ family: 6, value: (high << 64n) | low });
}

/** None where it was not recorded. */
function macText(view: DataView, start: number): string | undefined {
  let text = '';
  let any = 0;
  for (let i = 0; i < 6; i++) {
    const byte = view.getUint8(start + i);
    any |= byte;
    text += `${i === 0 ? '' : ':'}${byte.toString(16).padStart(2, '0')}`;
  }
  return any === 0 ? undefined : text;
}

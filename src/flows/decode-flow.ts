import { DropReason, EventFlag, event as layout } from '../gen/abi.ts';
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
import { addressText, macText } from './record-text.ts';

/** Objects are filled in, not spread together: with optional fields that takes a third of the time, and there are many. */
type Filling<T> = { -readonly [K in keyof T]: T[K] };

const at = layout.offsets;
const tcp = 6;
const udp = 17;
const sctp = 132;
const icmp = 1;
const icmpV6 = 58;
const { reply, fragment, notEnforced, rejudged } = EventFlag;

/**
 * A record of the map `events` (`struct event`) with what the node knows about its numbers. The bytes are read now and not
 * kept. Undefined for a record that is not known ({@link isKnown}).
 */
export function decodeFlow(
  view: DataView,
  start: number,
  context: FlowContext,
  clock: MonotonicClock,
): Flow | undefined {
  const type = typeNames[view.getUint8(start + at.type)];
  const verdict = verdictNames[view.getUint8(start + at.verdict)];
  if (type === undefined || verdict === undefined) return undefined;
  const protocol = view.getUint8(start + at.protocol);
  const flags = view.getUint8(start + at.flags);
  const reason = view.getUint8(start + at.reason);
  const point = view.getUint8(start + at.point);
  const endpoint = view.getUint16(start + at.endpoint, true);
  const direction = view.getUint8(start + at.direction) === 0 ? 'ingress' : 'egress';
  const flow: Filling<Flow> = {
    kind: 'flow',
    time: clock.toEpoch(view.getBigUint64(start + at.time, true)),
    type,
    verdict,
    direction,
    point: pointNames[point] ?? String(point),
    source: party(view, start, source, context),
    destination: party(view, start, destination, context),
    policy: policyOf(view, start, context),
    length: view.getUint32(start + at.length, true),
  };
  if (endpoint !== 0) flow.endpoint = endpoint;
  if (protocol !== 0) flow.protocol = protocolName(protocol);
  if (protocol === tcp) {
    const bits = view.getUint8(start + at.tcpFlags);
    if (bits !== 0) flow.tcpFlags = tcpFlagsText(bits);
  } else if (protocol === icmp || protocol === icmpV6)
    flow.icmp = { type: view.getUint8(start + at.icmpType), code: view.getUint8(start + at.icmpCode) };
  if (type === 'drop') {
    flow.drop = dropDetail(reason, view.getUint32(start + at.location, true));
    if (reason === DropReason.policyDenied && endpoint !== 0)
      flow.policy = { ...flow.policy, defaultDenyBy: context.defaultDenyBy(endpoint, direction) };
  } else {
    const connection = (flags & reply) !== 0 ? 'reply' : connectionNames[reason];
    if (connection !== undefined) flow.connection = connection;
  }
  const device = context.interface(view.getUint32(start + at.ifindex, true));
  if (device !== undefined) flow.interface = device;
  const target = view.getUint32(start + at.targetIfindex, true);
  if (target !== 0) flow.targetInterface = context.interface(target) ?? String(target);
  if ((flags & fragment) !== 0) flow.fragment = true;
  if ((flags & rejudged) !== 0) flow.rejudged = true;
  const proxyPort = view.getUint16(start + at.proxyPort, false);
  if (proxyPort !== 0) flow.proxyPort = proxyPort;
  return flow;
}

/** Whether a record decodes. */
export function isKnown(view: DataView, start: number): boolean {
  return (
    typeNames[view.getUint8(start + at.type)] !== undefined &&
    verdictNames[view.getUint8(start + at.verdict)] !== undefined
  );
}

/** Where a side's fields lie. */
type Side = Readonly<Record<'address' | 'port' | 'identity' | 'mac', number>>;
const source: Side = { address: at.source, port: at.sourcePort, identity: at.sourceIdentity, mac: at.sourceMac };
const destination: Side = {
  address: at.destination,
  port: at.destinationPort,
  identity: at.destinationIdentity,
  mac: at.destinationMac,
};

/** One that is not known has none. */
const noLabels: readonly string[] = [];

function party(view: DataView, start: number, side: Side, context: FlowContext): Party {
  const protocol = view.getUint8(start + at.protocol);
  const identity = view.getUint32(start + side.identity, true);
  const address = view.getUint8(start + at.family) === 0 ? '' : addressText(view, start + side.address);
  const found: Filling<Party> = { address, identity, labels: context.labels(identity) ?? noLabels };
  if (protocol === tcp || protocol === udp || protocol === sctp) found.port = view.getUint16(start + side.port, false);
  const owner = address === '' ? undefined : context.address(address);
  if (owner?.pod !== undefined) found.pod = owner.pod;
  if (owner?.endpoint !== undefined) found.endpoint = owner.endpoint;
  const mac = macText(view, start + side.mac);
  if (mac !== undefined) found.mac = mac;
  return found;
}

function policyOf(view: DataView, start: number, context: FlowContext): PolicyDetail {
  const policy: Filling<PolicyDetail> = {
    match: matchOf(view.getUint8(start + at.matchPrefixlen), view.getUint8(start + at.matchIdentity) === 1),
    enforced: (view.getUint8(start + at.flags) & notEnforced) === 0,
  };
  const rule = context.rule(view.getUint32(start + at.rule, true));
  if (rule !== undefined) policy.rule = rule;
  return policy;
}

function dropDetail(reason: number, location: number): DropDetail {
  const { name, explanation } = dropReason(reason);
  const file = location >>> 16;
  return { reason, name, explanation, location: `${fileNames[file] ?? file}:${location & 0xffff}` };
}

/** From `policy_key.prefixlen`: 40 bits are identity and direction, more of them protocol and port. */
function matchOf(prefixlen: number, exactIdentity: boolean): PolicyDetail['match'] {
  if (prefixlen === 0) return 'none';
  if (prefixlen <= 40) return exactIdentity ? 'L3-only' : 'all';
  return exactIdentity ? 'L3-L4' : 'L4-only';
}

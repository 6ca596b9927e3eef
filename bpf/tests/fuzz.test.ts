import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Extension, fragment, frame, padding, routing } from '../../src/datapath/testing/packet.ts';
import { type Payload, raw, tcp, udp } from '../../src/datapath/testing/transport.ts';
import { Direction, EndpointFlag } from '../../src/gen/abi.ts';
import { type Family, forFamilies, type Place } from './support/families.ts';
import { identities, type Outcome, TestNode } from './support/test-node.ts';

const both = EndpointFlag.ingressEnforced | EndpointFlag.egressEnforced;
const allowedPort = 80;
const runs = { numRuns: 500 };

const ports = {
  source: fc.integer({ min: 1, max: 65535 }),
  destination: fc.constantFrom(allowedPort, allowedPort, allowedPort, 81, 443, 0),
};
const flags = fc.constantFrom('S', 'S', 'A', 'SA', 'A', 'FA', 'R', 'RA', 'F', 'SF', '', 'SAFR');
const data = fc.uint8Array({ maxLength: 64 });

const payloads = (ip: Family): fc.Arbitrary<Payload> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ ...ports, flags, data }).map(tcp) },
    fc.record({ ...ports, data }).map(udp),
    fc
      .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 65535 }))
      .map(([type, id]) => ip.echo(type, id)),
    fc
      .record({ protocol: fc.integer({ min: 0, max: 255 }), bytes: data })
      .map(({ protocol, bytes }) => raw(protocol, bytes)),
    // An error that quotes what would be allowed: no way in.
    fc.record({ ...ports, flags }).map((each) => ip.error(ip.packet('b', 'a', tcp(each)))),
    fc.record(ports).map((each) => ip.error(ip.packet('a', 'b', udp(each)))),
  );

const extension: fc.Arbitrary<Extension> = fc.oneof(
  fc.constantFrom(padding(0), padding(60), routing(0), routing(2)),
  fc.tuple(fc.nat(3), fc.nat(4), fc.boolean()).map(([id, offset, more]) => fragment(id, offset, more)),
  fc
    .tuple(fc.constantFrom(0, 43, 44, 51, 60, 59), fc.uint8Array({ minLength: 7, maxLength: 23 }))
    .map(([header, rest]) => ({ header, rest })),
);

/** Mostly as it should be: of a packet with six errors, only the first one is tested. */
const seldom = <T>(wrong: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 8, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: wrong });

const extras = (ip: Family): fc.Arbitrary<object> => {
  const fields: Record<string, fc.Arbitrary<unknown>> = ip.family === 4
    ? {
        id: fc.nat(3),
        fragmentOffset: seldom(fc.constantFrom(1, 2, 3, 8191)),
        moreFragments: seldom(fc.constant(true)),
        options: fc.constantFrom(0, 0, 4, 8, 40).map((size) => Buffer.alloc(size, 1)),
        totalLength: seldom(fc.nat(200)),
        version: seldom(fc.nat(15)),
        headerWords: seldom(fc.nat(15)),
      }
    : {
        extensions: fc.array(extension, { maxLength: 3 }),
        payloadLength: seldom(fc.nat(200)),
        version: seldom(fc.nat(15)),
      };
  return fc
    .record(fields)
    .map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)));
};

forFamilies('packet fuzzing', TestNode.open, (ip, node) => {
  /** Only TCP to port 80 may get in: whatever else is let through was let through wrongly. */
  const reallyAllowed = (packet: Buffer) => transportOf(ip, packet) === `6:${allowedPort}`;

  beforeEach(() => {
    node().enforce(node().b, [{ identity: identities.a, protocol: 6, port: allowedPort }], both);
    node().enforce(node().a, [{ identity: identities.b, direction: Direction.egress }], both);
  });

  let through = 0;
  beforeEach(() => {
    through = 0;
  });
  const check = (outcome: Outcome, packet: Buffer) => {
    if (outcome.verdict === 'drop') return;
    through++;
    assert.ok(reallyAllowed(packet), `let through: ${packet.toString('hex')}`);
  };

  it('built packets, with any field wrong: nothing gets in but what may', () => {
    fc.assert(
      fc.property(payloads(ip), extras(ip), (payload, extra) => {
        const { a } = node();
        const macs = { sourceMac: a.podMac, destinationMac: a.hostMac, etherType: ip.family === 4 ? 0x0800 : 0x86dd };
        const sent = frame(macs, ip.packet('a', 'b', payload, extra));
        // Of a fragment the ports may be somewhere else; those have a test of their own.
        if (isFragment(ip, sent)) return;
        check(node().from(a, sent), sent);
      }),
      runs,
    );
    assert.ok(through > 0, 'and something did');
  });

  it('allowed packets with bytes changed or cut off: nothing gets in but what may', () => {
    const cuts = fc.constantFrom(0, 0, 0, 0, 1, 7, 20, 40);
    const bytes = fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 3 });
    fc.assert(
      fc.property(fc.record({ ...ports, flags, data }), bytes, cuts, (options, changes, cut) => {
        const { a } = node();
        const sent = ip.sent(a, 'b', tcp(options));
        for (const [at, value] of changes) sent[12 + (at % (sent.length - 12))] = value;
        const packet = sent.subarray(0, Math.max(ip.family === 4 ? 34 : 54, sent.length - cut));
        if (packet[12] !== (ip.family === 4 ? 0x08 : 0x86) || packet[13] !== (ip.family === 4 ? 0x00 : 0xdd)) return;
        if (isFragment(ip, packet) || !sameAddresses(ip, packet)) return;
        check(node().from(a, packet), packet);
      }),
      runs,
    );
    assert.ok(through > 0, 'and something did');
  });

  it('noise: every program ends with a verdict, and pods get none of it', () => {
    const programs = fc.constantFrom('from_pod', 'to_pod', 'from_uplink', 'to_uplink', 'to_tunnel', 'from_tunnel');
    const noise = fc.uint8Array({ minLength: ip.family === 4 ? 20 : 40, maxLength: 200 });
    fc.assert(
      fc.property(programs, noise, fc.boolean(), (program, bytes, version) => {
        const { a, b } = node();
        if (version) bytes[0] = ip.family === 4 ? 0x45 : 0x60;
        const etherType = ip.family === 4 ? 0x0800 : 0x86dd;
        const packet = frame({ sourceMac: a.podMac, destinationMac: a.hostMac, etherType }, bytes);
        const outcome = node().run(program, packet, { ifindex: program === 'to_pod' ? b.ifindex : a.ifindex });
        if (program === 'from_pod' || program === 'to_pod') assert.equal(outcome.verdict, 'drop');
        assert.notEqual(outcome.verdict, 'redirect');
      }),
      runs,
    );
  });

  it('fragments in any order: what is put together from those that passed was allowed', () => {
    const piece = fc.record({
      id: fc.nat(2),
      offset: fc.constantFrom(0, 1, 3),
      destination: ports.destination,
      more: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const { a } = node();
        for (const { id, offset, destination, more } of pieces) {
          const content = tcp({ source: 1000, destination, data: Buffer.alloc(4) });
          const extra =
            ip.family === 4
              ? { id, fragmentOffset: offset, moreFragments: more }
              : { extensions: [fragment(id, offset, more)] };
          const outcome = node().from(a, ip.sent(a, 'b', content, extra));
          // Without its first, which must have been allowed itself, no later one is of use to anybody.
          if (offset === 0 && outcome.verdict !== 'drop') assert.equal(destination, allowedPort);
          if (ip.family === 4 && offset === 1) assert.equal(outcome.verdict, 'drop');
        }
      }),
      runs,
    );
  });

  it('a pod that sends anything as anybody: only what is from itself goes on', () => {
    const places = fc.constantFrom<Place>('a', 'b', 'host', 'node', 'remote', 'world', 'nobody');
    node().set(node().a, { flags: 0 });
    node().set(node().b, { flags: 0, policyGeneration: 9 });
    fc.assert(
      fc.property(places, places, fc.record({ ...ports, flags: fc.constant('S') }), (source, destination, options) => {
        const { a } = node();
        const packet = frame(
          { sourceMac: a.podMac, destinationMac: a.hostMac },
          ip.packet(source, destination, tcp(options)),
        );
        const { verdict } = node().from(a, packet);
        if (source !== 'a') assert.equal(verdict, 'drop');
        else assert.notEqual(verdict, 'drop');
      }),
      runs,
    );
  });

  it('replies: whatever is sent against a connection, only its own comes through', () => {
    const { a, b } = node();
    node().enforce(
      a,
      [{ identity: identities.b, direction: Direction.egress, protocol: 6, port: allowedPort }],
      both,
      2,
    );
    const connect = () => node().from(a, ip.sent(a, 'b', tcp({ source: 40000, destination: allowedPort })));
    assert.equal(connect().verdict, 'redirect');
    const any = fc.record({ source: fc.constantFrom(80, 81), destination: fc.constantFrom(40000, 40001), flags });
    fc.assert(
      fc.property(any, (options) => {
        const { verdict } = node().from(b, ip.sent(b, 'a', tcp(options)));
        const own = options.source === allowedPort && options.destination === 40000 && options.flags !== 'S';
        if (!own) assert.equal(verdict, 'drop', JSON.stringify(options));
      }),
      runs,
    );
  });
});

/** What somebody who knows the headers by heart, and takes them one by one, makes of the packet: `protocol:port`. */
function transportOf(ip: Family, packet: Buffer): string | undefined {
  let at = 14;
  let protocol: number;
  if (ip.family === 4) {
    if ((packet[at] as number) >> 4 !== 4) return undefined;
    protocol = packet[at + 9] as number;
    at += ((packet[at] as number) & 15) * 4;
  } else {
    if ((packet[at] as number) >> 4 !== 6) return undefined;
    protocol = packet[at + 6] as number;
    at += 40;
    while ([0, 43, 44, 51, 60].includes(protocol)) {
      if (at + 8 > packet.length) return undefined;
      const length = packet[at + 1] as number;
      const size = protocol === 44 ? 8 : protocol === 51 ? (length + 2) * 4 : (length + 1) * 8;
      protocol = packet[at] as number;
      at += size;
    }
  }
  return at + 4 <= packet.length ? `${protocol}:${packet.readUInt16BE(at + 2)}` : `${protocol}:none`;
}

/** Anywhere in the chain. */
function isFragment(ip: Family, packet: Buffer): boolean {
  if (ip.family === 4) return (packet.readUInt16BE(20) & 0x3fff) !== 0;
  let protocol = packet[20] as number;
  let at = 54;
  while ([0, 43, 51, 60].includes(protocol) && at + 8 <= packet.length) {
    const length = packet[at + 1] as number;
    const next = packet[at] as number;
    at += protocol === 51 ? (length + 2) * 4 : (length + 1) * 8;
    protocol = next;
  }
  return protocol === 44;
}

function sameAddresses(ip: Family, packet: Buffer): boolean {
  const pod = (place: 'a' | 'b') => ip.packet(place, place, raw(255, Buffer.alloc(0)));
  const [from, to, size] = ip.family === 4 ? [12, 16, 4] : [8, 24, 16];
  return (
    packet.subarray(14 + from, 14 + from + size).equals(pod('a').subarray(from, from + size)) &&
    packet.subarray(14 + to, 14 + to + size).equals(pod('b').subarray(to, to + size))
  );
}

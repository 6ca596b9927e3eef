import assert from 'node:assert/strict';
import { MapType } from '../../src/datapath/sys/bpf-calls.ts';
import { fragment, frame, ipv4, ipv6, routing } from '../../src/datapath/testing/packet.ts';
import { icmp6, raw, tcp } from '../../src/datapath/testing/transport.ts';
import {
  ConfigFlag,
  conntrack4Key,
  conntrackEntry,
  Direction,
  DropReason,
  IpcacheFlag,
  PolicyVerdict,
  SourceFile,
} from '../../src/gen/abi.ts';
import { unset } from './support/addresses.ts';
import { families } from './support/families.ts';
import { type Outcome, type Reason, TestNode } from './support/test-node.ts';

/** Reasons that no test run can bring about, with who tests them or why nobody can. */
const elsewhere = {
  invalidIdentity: 'tunnel.test.ts, with a real device',
  unknownSender: 'tunnel.test.ts, with a real device',
  conntrackInsertFailed: 'below, with a map that does not make room as LRU maps do',
  writeFailed: 'what was read can be written; it would take a kernel without memory',
} as const;

type Elsewhere = keyof typeof elsewhere | 'none';

const [ip] = families;
const syn = tcp({ source: 40000, destination: 80 });

/** One packet for each reason. */
const packets: Readonly<Record<Exclude<Reason, Elsewhere>, (node: TestNode) => Outcome>> = {
  invalidSourceMac: (node) =>
    node.from(node.a, frame({ sourceMac: node.b.podMac, destinationMac: node.a.hostMac }, ip.packet('a', 'b', syn))),
  invalidSourceAddress: (node) => node.from(node.a, ip.sent(node.a, 'b', syn, { source: ip.ip('world') })),
  policyDenied: (node) => {
    node.enforce(node.b, []);
    return node.from(node.a, ip.sent(node.a, 'b', syn));
  },
  invalidPacket: (node) => node.from(node.a, ip.sent(node.a, 'b', syn, { totalLength: 9999 })),
  truncatedHeader: (node) => node.from(node.a, ip.sent(node.a, 'b', raw(6, Buffer.alloc(8)))),
  unsupportedL3Protocol: (node) =>
    node.from(
      node.a,
      frame({ sourceMac: node.a.podMac, destinationMac: node.a.hostMac, etherType: 0x8847 }, ip.packet('a', 'b', syn)),
    ),
  noTunnelKey: (node) => node.run('from_tunnel', ip.arriving('remote', 'b', syn), { ifindex: node.uplink }),
  unroutable: (node) => node.run('to_tunnel', ip.arriving('host', 'world', syn), { ifindex: node.uplink }),
  invalidExtensionHeader: (node) => {
    const options = { source: node.a.ipv6, destination: node.b.ipv6, extensions: [routing(1)] };
    return node.from(node.a, frame({ sourceMac: node.a.podMac, destinationMac: node.a.hostMac }, ipv6(options, syn)));
  },
  noTunnelEndpoint: (node) => {
    node.enable(ConfigFlag.tunnel);
    node.prefix(ip.ip('remote'), 1003, IpcacheFlag.tunnel, unset);
    return node.from(node.a, ip.sent(node.a, 'remote', syn));
  },
  noConfiguration: (node) => {
    node.configure({ version: 0 });
    return node.from(node.a, ip.sent(node.a, 'b', syn));
  },
  fragmentNotFound: (node) => {
    const options = { source: node.a.ipv4, destination: node.b.ipv4, id: 999, fragmentOffset: 3 };
    return node.from(
      node.a,
      frame({ sourceMac: node.a.podMac, destinationMac: node.a.hostMac }, ipv4(options, raw(17, Buffer.alloc(8)))),
    );
  },
  forbiddenIcmpv6: (node) => {
    const packet = ipv6(
      { source: 'fe80::a', destination: 'ff02::1', hopLimit: 255 },
      icmp6({ type: 134, data: Buffer.alloc(16) }),
    );
    return node.from(node.a, frame({ sourceMac: node.a.podMac, destinationMac: node.a.hostMac }, packet));
  },
  policyDenyRule: (node) => {
    node.enforce(node.b, [{ identity: 0, verdict: PolicyVerdict.deny }]);
    return node.from(node.a, ip.sent(node.a, 'b', syn));
  },
  vlanFiltered: (node) =>
    node.from(
      node.a,
      frame({ sourceMac: node.a.podMac, destinationMac: node.a.hostMac, etherType: 0x8100 }, ip.packet('a', 'b', syn)),
    ),
  endpointNotReady: (node) => {
    node.maps.endpoints.delete(node.b.ifindex);
    return node.to(node.b, ip.arriving('remote', 'b', syn));
  },
  noProxy: (node) => {
    node.enforce(node.b, [{ identity: 0, protocol: 6, port: 80, verdict: PolicyVerdict.redirect, proxyPort: 10000 }]);
    return node.from(node.a, ip.sent(node.a, 'b', syn));
  },
  unsolicitedReply: (node) =>
    node.from(node.a, ip.sent(node.a, 'b', tcp({ source: 80, destination: 40000, flags: 'SA' }))),
};

describe('every drop reason', () => {
  let node: TestNode;
  before(async () => {
    node = await TestNode.open();
  });
  after(() => node.close());
  beforeEach(() => node.reset());

  for (const [reason, packet] of Object.entries(packets))
    it(`${reason} has a packet that is dropped for it`, () => {
      const outcome = packet(node);
      assert.equal(outcome.verdict, 'drop');
      assert.equal(outcome.reason, reason);
      assert.notEqual(outcome.events.at(-1)?.location, 0, 'says where');
    });

  it('a first fragment gives its ports, so that the reason above is about its absence', () => {
    const extensions = [fragment(999, 0, true)];
    const options = { source: node.a.ipv6, destination: node.b.ipv6, extensions };
    const sent = frame({ sourceMac: node.a.podMac, destinationMac: node.a.hostMac }, ipv6(options, syn));
    assert.equal(node.from(node.a, sent).verdict, 'redirect');
  });
});

describe('a connection for which there is no room', () => {
  let node: TestNode;
  before(async () => {
    const sizes = { keySize: conntrack4Key.size, valueSize: conntrackEntry.size, maxEntries: 1 };
    node = await TestNode.open(
      (bpf) => new Map([['conntrack4', bpf.createMap({ type: MapType.hash, name: 'conntrack4', ...sizes })]]),
    );
  });
  after(() => {
    node.close();
  });

  it('is not opened, and the helper that failed is counted by place and error', () => {
    const send = (source: number) => node.from(node.a, ip.sent(node.a, 'world', tcp({ source, destination: 80 })));
    const { helperErrors, metrics } = node.maps;
    const dropped = DropReason.conntrackInsertFailed * 2 + Direction.egress;
    assert.equal(send(1).verdict, 'pass');
    for (const source of [2, 3]) {
      const outcome = send(source);
      assert.equal(outcome.verdict, 'drop');
      assert.equal(outcome.reason, 'conntrackInsertFailed');
    }
    assert.equal(send(1).verdict, 'pass', 'the one that is there goes on');
    const E2BIG = 7;
    assert.deepEqual(
      [...helperErrors.entries()].map(([{ file, error }, count]) => ({ file, error, count })),
      [{ file: SourceFile.conntrack, error: E2BIG, count: 2n }],
    );
    assert.equal(metrics.get(dropped)?.packets, 2n);
  });
});

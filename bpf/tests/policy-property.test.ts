import assert from 'node:assert/strict';
import fc from 'fast-check';
import { tcp, udp } from '../../src/datapath/testing/transport.ts';
import { Direction, EndpointFlag, PolicyPrefix, PolicyVerdict } from '../../src/gen/abi.ts';
import { forFamilies } from './support/families.ts';
import { identities, type Outcome, TestNode } from './support/test-node.ts';

interface Entry {
  readonly identity: number;
  readonly direction: number;
  /** 0: all */
  readonly protocol: number;
  readonly port: number;
  readonly portBits: number;
  readonly verdict: number;
}

const { allow, deny, redirect } = PolicyVerdict;

const entry: fc.Arbitrary<Entry> = fc
  .record({
    identity: fc.constantFrom(0, identities.a, identities.remote),
    direction: fc.constantFrom(Direction.ingress, Direction.ingress, Direction.egress),
    protocol: fc.constantFrom(0, 6, 6, 17),
    port: fc.constantFrom(80, 81, 443, 8080, 0),
    portBits: fc.constantFrom(0, 1, 8, 15, 16, 16),
    verdict: fc.constantFrom(allow, allow, deny, redirect),
  })
  .map((each) => (each.protocol === 0 ? { ...each, port: 0, portBits: 0 } : each))
  .map((each) => ({ ...each, port: each.port & (0xffff << (16 - each.portBits)) & 0xffff }));

const keyOf = ({ identity, direction, protocol, port, portBits }: Entry) => ({
  prefixlen: protocol === 0 ? PolicyPrefix.anyProtocol : PolicyPrefix.anyPort + portBits,
  identity,
  direction,
  protocol,
  port,
});

/** bpf/abi/policy.h, word by word. */
function expected(entries: readonly Entry[], protocol: number, port: number): number | undefined {
  const longest = (identity: number) =>
    entries
      .filter((each) => each.identity === identity && each.direction === Direction.ingress)
      .filter((each) => each.protocol === 0 || each.protocol === protocol)
      .filter((each) => port >> (16 - each.portBits) === each.port >> (16 - each.portBits))
      .sort((x, y) => keyOf(y).prefixlen - keyOf(x).prefixlen)[0]?.verdict;
  const found = [longest(identities.a), longest(0)];
  return [deny, redirect, allow].find((verdict) => found.includes(verdict));
}

function decided({ verdict, reason }: Outcome): number | undefined {
  if (verdict === 'redirect') return allow;
  if (reason === 'policyDenyRule') return deny;
  if (reason === 'noProxy') return redirect;
  assert.equal(reason, 'policyDenied');
  return undefined;
}

forFamilies('any policy', TestNode.open, (ip, node) => {
  it('is read by the programs as it is meant', () => {
    const { a, b } = node();
    node().reset();
    node().enforce(b, [], EndpointFlag.ingressEnforced);
    const map = node().maps.policies.get(b.policyId)!;
    const asked = fc.record({ protocol: fc.constantFrom(6, 17), port: fc.constantFrom(80, 81, 443, 8080, 65535) });
    let source = 1;
    const verdicts = new Set<number | undefined>();
    fc.assert(
      fc.property(
        fc.array(entry, { maxLength: 12 }),
        fc.array(asked, { minLength: 1, maxLength: 6 }),
        (list, packets) => {
          for (const [key] of [...map.entries()]) map.delete(key);
          const entries = [...new Map(list.map((each) => [JSON.stringify(keyOf(each)), each])).values()];
          for (const each of entries) {
            const key = keyOf(each);
            map.set(key, {
              verdict: each.verdict,
              prefixlen: key.prefixlen,
              proxyPort: 0,
              rule: 1,
              packets: 0n,
              bytes: 0n,
            });
          }
          for (const { protocol, port } of packets) {
            // Each a new connection.
            source = (source % 65535) + 1;
            const ports = { source, destination: port };
            const packet = ip.sent(a, 'b', protocol === 6 ? tcp(ports) : udp(ports));
            const wanted = expected(entries, protocol, port);
            verdicts.add(wanted);
            assert.equal(decided(node().from(a, packet)), wanted, `${protocol}:${port}`);
          }
        },
      ),
      { numRuns: 300 },
    );
    assert.equal(verdicts.size, 4, 'each verdict, and none, came up');
  });
});

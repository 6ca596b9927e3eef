import assert from 'node:assert/strict';
import { tcp, udp } from '../../src/datapath/testing/transport.ts';
import { ConfigFlag, Direction, EndpointFlag, PolicyVerdict } from '../../src/gen/abi.ts';
import { forFamilies } from './support/families.ts';
import { identities, TestNode } from './support/test-node.ts';

const { allow, deny, redirect } = PolicyVerdict;

forFamilies('policy', TestNode.open, (ip, node) => {
  let port = 20000;
  /** Each from another port: a new connection. */
  const ask = (destination: number, protocol: 'tcp' | 'udp' = 'tcp') => {
    const ports = { source: port++, destination };
    return node().from(node().a, ip.sent(node().a, 'b', protocol === 'tcp' ? tcp(ports) : udp(ports)));
  };
  const rules = (...list: Parameters<TestNode['policy']>[1]) => node().enforce(node().b, list);
  const allowed = (...ports: number[]) => {
    for (const each of ports) assert.equal(ask(each).verdict, 'redirect', `port ${each}`);
  };
  const denied = (reason: string, ...ports: number[]) => {
    for (const each of ports) assert.equal(ask(each).reason, reason, `port ${each}`);
  };

  it('an entry without protocol allows everything from the identity', () => {
    rules({ identity: identities.a });
    allowed(1, 80, 65535);
    assert.equal(ask(53, 'udp').verdict, 'redirect');
  });

  it('an entry for any identity allows everybody', () => {
    rules({ identity: 0, protocol: 6, port: 80 });
    allowed(80);
    denied('policyDenied', 81);
  });

  it('a prefix of the port is a range', () => {
    rules({ identity: identities.a, protocol: 6, port: 8192, portBits: 3 });
    allowed(8192, 16383);
    denied('policyDenied', 8191, 16384);
  });

  it('the longest prefix of an identity decides', () => {
    rules({ identity: identities.a }, { identity: identities.a, protocol: 6, port: 80, verdict: deny });
    allowed(81);
    denied('policyDenyRule', 80);
  });

  it('deny wins, of the peer or of anybody', () => {
    rules(
      { identity: identities.a, protocol: 6, port: 80, verdict: allow },
      { identity: 0, protocol: 6, verdict: deny },
    );
    denied('policyDenyRule', 80);
    rules({ identity: identities.a, verdict: deny }, { identity: 0, protocol: 6, port: 80, verdict: allow });
    denied('policyDenyRule', 80);
  });

  it('without a proxy, what should go to one is dropped', () => {
    rules({ identity: identities.a, protocol: 6, port: 80, verdict: redirect, proxyPort: 10000 }, { identity: 0 });
    denied('noProxy', 80);
    allowed(81);
    rules({ identity: identities.a }, { identity: 0, protocol: 6, port: 80, verdict: redirect, proxyPort: 10000 });
    denied('noProxy', 80);
    rules({ identity: identities.a, verdict: deny }, { identity: 0, protocol: 6, port: 80, verdict: redirect });
    denied('policyDenyRule', 80);
  });

  it('directions are apart', () => {
    rules({ identity: identities.a, direction: Direction.egress });
    denied('policyDenied', 80);
  });

  it('the entry that decided counts connections and bytes, and is named in the connection', () => {
    rules({ identity: identities.a, rule: 7 }, { identity: 0, rule: 8 });
    allowed(80, 81);
    const entries = [...(node().maps.policies.get(node().b.policyId)?.entries() ?? [])];
    assert.deepEqual(entries.map(([key, value]) => [key.identity, value.packets]).sort(), [
      [0, 0n],
      [identities.a, 2n],
    ]);
    const map = ip.family === 4 ? node().maps.conntrack4 : node().maps.conntrack6;
    const ruleOfB = [...map.entries()].find(([key]) => key.endpoint === node().b.id)?.[1].rule;
    assert.equal(ruleOfB, 7);
  });

  it('without its policy map an enforced endpoint gets nothing', () => {
    node().set(node().b, { policyId: 4242, flags: EndpointFlag.ingressEnforced });
    denied('noConfiguration', 80);
  });

  it('what is not enforced is not looked at', () => {
    node().policy(node().b.policyId, [{ identity: 0, verdict: deny }]);
    node().set(node().b, { flags: EndpointFlag.egressEnforced });
    allowed(80);
  });

  it('audit mode lets pass what would be denied, of one endpoint or of all', () => {
    node().policy(node().b.policyId, [{ identity: identities.a, protocol: 6, port: 80, verdict: deny }]);
    node().set(node().b, { flags: EndpointFlag.ingressEnforced | EndpointFlag.audit });
    allowed(80, 81);
    node().set(node().b, { flags: EndpointFlag.ingressEnforced });
    denied('policyDenyRule', 80);
    node().enable(ConfigFlag.audit);
    allowed(80, 81);
  });
});

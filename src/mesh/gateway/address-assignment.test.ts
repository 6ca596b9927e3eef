import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Assignment, assignAddresses, type Claim } from './address-assignment.ts';

function claim(name: string, created: number, ports: string[], values: string[] = [], setPorts: string[] = []): Claim {
  return {
    gateway: {
      metadata: { namespace: 'ns', name, creationTimestamp: created, generation: 0, labels: {}, annotations: {} },
    },
    requested: values.map((value) => ({ type: 'IPAddress', value })),
    ports,
    setPorts,
  };
}

const next = { address: '127.0.0.1', gatewayAddresses: 'next' } as const;

function byName(assigned: Map<Claim, Assignment>): Record<string, Assignment> {
  return Object.fromEntries([...assigned].map(([{ gateway }, assignment]) => [gateway.metadata.name, assignment]));
}

const someClaim = fc.record({
  created: fc.nat(2),
  ports: fc.uniqueArray(fc.constantFrom('tcp/80', 'tcp/81', 'udp/80')),
  values: fc.uniqueArray(fc.constantFrom('127.0.0.1', '127.0.0.2', '0.0.0.0', '::', '::1', '', '224.0.0.1'), {
    maxLength: 2,
  }),
  setPorts: fc.uniqueArray(fc.constantFrom('tcp/80', 'tcp/82')),
});
const someClaims = fc
  .array(someClaim, { maxLength: 6 })
  .map((all) => all.map(({ created, ports, values, setPorts }, i) => claim(`g${i}`, created, ports, values, setPorts)));

describe('address assignment', () => {
  it('gives no socket to two Gateways, and none that is reserved', () => {
    fc.assert(
      fc.property(someClaims, (claims) => {
        const taken = new Map([['127.0.0.1 tcp/81', 'ingress']]);
        const assigned = assignAddresses(claims, next, [{ address: '127.0.0.1', port: 'tcp/81' }]);
        for (const [{ gateway, ports, setPorts }, { addresses, takenPorts }] of assigned) {
          const all = new Set([...ports, ...setPorts.filter((port) => !takenPorts.includes(port))]);
          for (const address of addresses) {
            for (const port of all) {
              for (const other of address === '0.0.0.0' ? ['127.0.0.1', '127.0.0.2'] : [address, everywhere(address)]) {
                const owner = taken.get(`${other} ${port}`);
                assert.ok(owner === undefined || owner === gateway.metadata.name, `${other} ${port}: ${owner}`);
              }
              taken.set(`${address} ${port}`, gateway.metadata.name);
            }
          }
        }
      }),
    );
  });

  it('does not depend on the order in which Gateways come', () => {
    fc.assert(
      fc.property(someClaims, fc.nat(), (claims, seed) => {
        const shuffled = claims.map((_, i) => claims[(i + seed) % claims.length]!).reverse();
        assert.deepEqual(byName(assignAddresses(claims, next, [])), byName(assignAddresses(shuffled, next, [])));
      }),
    );
  });

  it('an older Gateway keeps its address whatever younger ones ask for', () => {
    fc.assert(
      fc.property(someClaims, (claims) => {
        const older = claim('older', -1, ['tcp/80']);
        const assigned = byName(assignAddresses([...claims, older], next, []));
        assert.deepEqual(assigned.older?.addresses, ['127.0.0.1']);
      }),
    );
  });

  it('ends where there is no next address', () => {
    for (const address of ['0.0.0.0', '::1']) {
      const assigned = byName(
        assignAddresses([claim('a', 0, ['tcp/80']), claim('b', 1, ['tcp/80'])], { ...next, address }, []),
      );
      assert.deepEqual(assigned.a?.addresses, [address]);
      assert.equal(assigned.b?.refused[0]?.reason, 'AddressNotAssigned');
    }
  });
});

function everywhere(address: string): string {
  return address.includes(':') ? '::' : '0.0.0.0';
}

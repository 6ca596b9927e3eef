import assert from 'node:assert/strict';
import { EndpointFlag, IpcacheFlag, PolicyVerdict } from '../../gen/abi.ts';
import type { PolicyEntry } from '../../network/policy/index.ts';
import {
  addressValue,
  endpointValue,
  ipcachePair,
  noAddress,
  policyEntryKey,
  policyEntryValue,
  prefixText,
} from './encode.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('what the maps are given', () => {
  it('addresses are 16 bytes, those of IPv4 mapped', () => {
    assert.equal(hex(addressValue('10.1.2.3').bytes), '00000000000000000000ffff0a010203');
    assert.equal(hex(addressValue('fd00::1').bytes), 'fd000000000000000000000000000001');
    assert.deepEqual(addressValue(undefined), noAddress);
    assert.deepEqual(addressValue('nonsense'), noAddress);
  });

  it('prefixes have a map for each family, and the way there', () => {
    const { family, key, value } = ipcachePair({
      ...{ prefix: '10.1.0.0/16', identity: 300, source: 'node', way: 'tunnel', tunnelEndpoint: '192.0.2.1' },
    });
    assert.equal(family, 4);
    assert.deepEqual([key.prefixlen, hex(key.address)], [16, '0a010000']);
    assert.deepEqual([value.identity, value.flags], [300, IpcacheFlag.tunnel]);
    assert.equal(hex(value.tunnelEndpoint.bytes), '00000000000000000000ffffc0000201');
    assert.equal(prefixText(key.address, key.prefixlen), '10.1.0.0/16');
    const six = ipcachePair({ prefix: 'fd00::1/128', identity: 1, source: 'local' });
    assert.deepEqual([six.family, six.key.prefixlen, six.key.address.length, six.value.flags], [6, 128, 16, 0]);
  });

  it('an endpoint without an identity is one of those that are being set up', () => {
    const value = endpointValue(
      {
        ...{
          id: 7,
          containerId: 'c',
          ifname: 'eth0',
          netns: '',
          hostInterface: 'slu',
          hostIfindex: 12,
          chained: false,
        },
        addresses: { ipv4: '10.1.0.7' },
        macs: { pod: '02:00:00:00:00:0a', host: '02:00:00:00:00:0b' },
        pod: { namespace: 'shop', name: 'web', uid: '' },
        ...{ labels: [], namedPorts: [], state: 'waiting-for-identity', created: 0 },
      },
      { flags: EndpointFlag.ingressEnforced, policyId: 3, generation: 9 },
    );
    assert.deepEqual(
      [value.id, value.identity, value.ifindex, value.policyId, value.policyGeneration],
      [7, 5, 12, 3, 9],
    );
    assert.deepEqual([hex(value.mac), hex(value.gatewayMac)], ['02000000000a', '02000000000b']);
    assert.deepEqual(value.address6, noAddress);
  });

  it('entries of policies say how much of protocol and port must match', () => {
    const entry = (fields: Partial<PolicyEntry>): PolicyEntry => ({
      ...{ direction: 'ingress', identity: 300, protocol: 6, port: 80, portBits: 16, verdict: 'allow' },
      rule: { number: 17, path: 'ingress[0]' },
      ...fields,
    });
    assert.deepEqual(policyEntryKey(entry({})), { prefixlen: 64, identity: 300, direction: 0, protocol: 6, port: 80 });
    const lengths = [{ portBits: 0, port: 0 }, { portBits: 3 }, { protocol: 0, port: 0, portBits: 0 }];
    assert.deepEqual(
      lengths.map((fields) => policyEntryKey(entry(fields)).prefixlen),
      [48, 51, 40],
    );
    assert.equal(policyEntryKey(entry({ direction: 'egress' })).direction, 1);
    assert.deepEqual(policyEntryValue(entry({ verdict: 'redirect' }), 15001), {
      ...{ verdict: PolicyVerdict.redirect, prefixlen: 64, proxyPort: 15001, rule: 17, packets: 0n, bytes: 0n },
    });
    assert.equal(policyEntryValue(entry({}), 15001).proxyPort, 0);
  });
});

import assert from 'node:assert/strict';
import { formatResult } from './format-result.ts';
import { podResult } from './pod-result.ts';

const made = {
  ...{ containerId: 'c1', ifname: 'eth0', hostInterface: 'slu0123456789a', hostIndex: 7, hostMac: '0a:00:00:00:00:01' },
  ...{ podIndex: 2, podMac: '0a:00:00:00:00:02', mtu: 1450, addresses: ['10.0.0.7', 'fd00::7'] },
};
const result = podResult(made, '/var/run/netns/a');

describe('a CNI result', () => {
  it('of 1.1.0 names both ends, the addresses of the inner one, and its ways out', () => {
    assert.deepEqual(formatResult(result, '1.1.0'), {
      cniVersion: '1.1.0',
      interfaces: [
        { name: 'slu0123456789a', mac: '0a:00:00:00:00:01', mtu: 1450 },
        { name: 'eth0', mac: '0a:00:00:00:00:02', mtu: 1450, sandbox: '/var/run/netns/a' },
      ],
      ips: [
        { address: '10.0.0.7/32', gateway: '169.254.1.1', interface: 1 },
        { address: 'fd00::7/128', gateway: 'fe80::1', interface: 1 },
      ],
      routes: [
        { dst: '0.0.0.0/0', gw: '169.254.1.1' },
        { dst: '::/0', gw: 'fe80::1' },
      ],
      dns: {},
    });
  });

  it('of 1.0.0 has no MTU', () => {
    const { interfaces, ips } = formatResult(result, '1.0.0') as typeof result;
    assert.deepEqual(interfaces[0], { name: 'slu0123456789a', mac: '0a:00:00:00:00:01' });
    assert.deepEqual(ips[1], { address: 'fd00::7/128', gateway: 'fe80::1', interface: 1 });
  });

  for (const version of ['0.3.0', '0.3.1', '0.4.0'] as const)
    it(`of ${version} says of each address which IP it is`, () => {
      const formatted = formatResult(result, version) as { cniVersion: string; ips: { version: string }[] };
      assert.equal(formatted.cniVersion, version);
      assert.deepEqual(
        formatted.ips.map((ip) => ip.version),
        ['4', '6'],
      );
    });
});

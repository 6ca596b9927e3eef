import assert from 'node:assert/strict';
import { chainedNetworkList, networkName, ownNetworkList } from './network-list.ts';

/** As Amazon's plugin writes it. */
const aws = {
  cniVersion: '0.4.0',
  name: 'aws-cni',
  disableCheck: true,
  plugins: [
    { name: 'aws-cni', type: 'aws-cni', vethPrefix: 'eni', mtu: '9001' },
    { name: 'egress-cni', type: 'egress-cni', ipam: { type: 'host-local' } },
    { type: 'portmap', capabilities: { portMappings: true }, snat: true },
  ],
};

describe('a CNI network configuration list', () => {
  it('of ours has one plugin, for runtimes of CNI 1.0 and 1.1', () => {
    assert.deepEqual(JSON.parse(ownNetworkList({ mtu: 1400 })), {
      ...{ cniVersion: '1.0.0', cniVersions: ['1.0.0', '1.1.0'], name: 'sluice' },
      plugins: [{ type: 'sluice-cni', mtu: 1400 }],
    });
  });

  it('of another plugin keeps all that it has, and ours comes last', () => {
    const chained = chainedNetworkList(JSON.stringify(aws));
    assert.deepEqual(JSON.parse(chained), { ...aws, plugins: [...aws.plugins, { type: 'sluice-cni' }] });
    assert.equal(chainedNetworkList(chained), chained);
  });

  it('is made of a single plugin, too', () => {
    const single = {
      cniVersion: '0.3.1',
      name: 'azure',
      type: 'azure-vnet',
      mode: 'transparent',
      ipam: { type: 'azure-vnet-ipam' },
    };
    assert.deepEqual(JSON.parse(chainedNetworkList(JSON.stringify(single))), {
      ...{ cniVersion: '0.3.1', name: 'azure' },
      plugins: [{ type: 'azure-vnet', mode: 'transparent', ipam: { type: 'azure-vnet-ipam' } }, { type: 'sluice-cni' }],
    });
  });

  it('that is none is refused', () => {
    for (const text of [
      '',
      '[]',
      '{"name":"a","plugins":[]}',
      '{"name":"a","plugins":[{}]}',
      '{"name":"a"}',
      '{"plugins":[{"type":"b"}]}',
    ])
      assert.throws(() => chainedNetworkList(text), { name: 'CniError' }, text);
    assert.equal(networkName('{'), undefined);
    assert.equal(networkName('{"name":"aws-cni"}'), 'aws-cni');
  });
});

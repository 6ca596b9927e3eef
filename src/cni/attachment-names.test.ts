import assert from 'node:assert/strict';
import fc from 'fast-check';
import { attachmentNames, isHostInterface } from './attachment-names.ts';

describe('names of an attachment', () => {
  it('are the same each time, and can be told from names of others', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (containerId, ifname) => {
        const names = attachmentNames({ containerId, ifname });
        assert.deepEqual(attachmentNames({ containerId, ifname }), names);
        assert.ok(isHostInterface(names.hostInterface) && names.hostInterface.length <= 15);
        // Unicast and locally administered.
        for (const mac of [names.hostMac, names.podMac]) assert.equal(Number.parseInt(mac.slice(0, 2), 16) & 3, 2);
        assert.notEqual(names.hostMac, names.podMac);
      }),
    );
    for (const name of ['eth0', 'slutun', 'slu0123456789', 'slu0123456789ab'])
      assert.equal(isHostInterface(name), false);
  });

  it('differ by container and by interface', () => {
    const all = ['c1 eth0', 'c1 eth1', 'c2 eth0', 'c 1eth0'].map((text) => {
      const [containerId, ifname] = text.split(' ') as [string, string];
      return attachmentNames({ containerId, ifname }).hostInterface;
    });
    assert.equal(new Set(all).size, 4);
  });
});

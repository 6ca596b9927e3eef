import assert from 'node:assert/strict';
import type { DatapathParts } from './datapath-parts.ts';
import { DeviceFollower } from './device-follower.ts';

describe('devices of the node', () => {
  it('that are different are told again where that failed in the middle, though the next look sees no change', () => {
    const told: string[] = [];
    let looks: (() => boolean)[] = [];
    let isRefused = false;
    const follower = new DeviceFollower({
      network: { devices: { addresses: [] }, tunnel: undefined, look: () => looks.shift()?.() ?? false },
      state: { setHostAddresses: () => told.push('addresses') },
      peers: { setHostAddresses: () => {}, updateRoutes: () => 0 },
      attached: {
        attachDevices: () => {
          if (isRefused) throw new Error('the kernel cannot');
        },
      },
      settings: { write: () => told.push('config') },
      changed: () => told.push('changed'),
    } as unknown as DatapathParts);
    try {
      follower.look();
      assert.deepEqual(told.splice(0), []);
      looks = [() => true];
      isRefused = true;
      assert.throws(() => follower.look());
      assert.throws(() => follower.look());
      isRefused = false;
      told.splice(0);
      follower.look();
      assert.deepEqual(told.splice(0), ['addresses', 'config', 'changed']);
      follower.look();
      assert.deepEqual(told.splice(0), []);
      looks = [
        () => {
          throw new Error('half seen');
        },
      ];
      assert.throws(() => follower.look());
      follower.look();
      assert.deepEqual(told.splice(0), ['addresses', 'config', 'changed']);
    } finally {
      follower.close();
    }
  });
});

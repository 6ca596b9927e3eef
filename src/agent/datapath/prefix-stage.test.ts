import assert from 'node:assert/strict';
import { Ipcache } from '../../network/routing/index.ts';
import { PrefixStage } from './prefix-stage.ts';
import { openTestKernel, TestMaps } from './testing/kernel-world.ts';

describe('who is behind which prefix', () => {
  const maps = new TestMaps();
  after(() => maps[Symbol.dispose]());

  it('is checked in parts also where it changes meanwhile, and what somebody took away is there again', async () => {
    const { bpf, kernel } = await openTestKernel();
    const opened = maps.open(bpf, kernel, { ipcache4: 8192 });
    const ipcache = new Ipcache();
    const stage = new PrefixStage(opened, ipcache);
    const say = (owner: string, at: number) =>
      ipcache.set(owner, [{ prefix: `10.${at >> 8}.${at & 255}.1/32`, identity: 300, source: 'endpoint' }]);
    const bring = () => {
      stage.next(ipcache.changes());
      stage.fill();
      stage.drain();
    };
    for (let at = 0; at < 5000; at++) say(`${at}`, at);
    bring();
    const taken = [...opened.ipcache4.entries()][0]![0];
    opened.ipcache4.delete(taken);
    let asked = 0;
    const values = ipcache.values.bind(ipcache);
    ipcache.values = function* () {
      for (const entry of values()) {
        asked++;
        yield entry;
      }
    } as Ipcache['values'];
    const walk = stage.check();
    const parts: number[] = [];
    for (let at = 5000; ; at++) {
      say(`${at}`, at);
      bring();
      asked = 0;
      const { done, value } = walk.next();
      if (done) {
        assert.equal(value, 1);
        break;
      }
      parts.push(asked);
    }
    assert.ok(Math.max(...parts) > 0 && Math.max(...parts) <= 1024, `${parts}`);
    assert.notEqual(opened.ipcache4.get(taken), undefined);
  });
});

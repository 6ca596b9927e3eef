import assert from 'node:assert/strict';
import { LabNetwork } from './support/lab-network.ts';
import { Traffic } from './support/traffic.ts';

/** What the tests of the datapath measure with, where nothing of ours is between two namespaces. */
describe('namespaces and traffic without a datapath', () => {
  it('reach each other with TCP, UDP and pings of both families, and tell what does not answer', async () => {
    using lab = new LabNetwork();
    const [a, b] = [lab.add('a'), lab.add('b')];
    lab.connect(
      { netns: a, device: 'eth0', addresses: ['192.0.2.1/24', '2001:db8::1/64'] },
      { netns: b, device: 'eth0', addresses: ['192.0.2.2/24', '2001:db8::2/64'] },
    );
    const from = new Traffic(a.path);
    const server = await new Traffic(b.path).serve(8080);
    try {
      for (const address of ['192.0.2.2', '2001:db8::2']) {
        assert.equal(await from.tcp(address, 8080), 'ok');
        assert.equal(await from.udp(address, 8080), 'ok');
        assert.equal(await from.udp(address, 8080, { bytes: 6000 }), 'ok');
        assert.equal(await from.ping(address), 'ok');
        assert.equal(await from.tcp(address, 8081), 'refused');
        assert.equal(await from.udp(address, 8081), 'refused');
      }
      assert.equal(await from.ping('192.0.2.3', 200), 'timeout');
      assert.equal(await from.tcp('198.51.100.1', 8080), 'unreachable');
      const live = await from.live('192.0.2.2', 8080);
      assert.deepEqual([live.opened, await live.exchange(), await live.exchange()], ['ok', 'ok', 'ok']);
      b.ip('link', 'set', 'eth0', 'down');
      assert.equal(await live.exchange(300), 'timeout');
      b.ip('link', 'set', 'eth0', 'up');
      await live.close();
      const { done, failed } = await from.rate('rr', '192.0.2.2', 8080, 0.2, 2);
      assert.ok(done > 10 && failed === 0, `${done} exchanges, ${failed} failed`);
    } finally {
      await server.stop();
    }
  });
});

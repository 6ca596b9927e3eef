import assert from 'node:assert/strict';
import { tcp } from '../../src/datapath/testing/transport.ts';
import { ConntrackState, Direction, EndpointFlag } from '../../src/gen/abi.ts';
import { forFamilies } from './support/families.ts';
import { identities, TestNode } from './support/test-node.ts';

const { ingressEnforced, egressEnforced } = EndpointFlag;
const both = ingressEnforced | egressEnforced;

/** From there on sequence numbers wrap within the connection. */
const start = { client: 0xffff_fffe, server: 500 };
const at = (from: number, offset: number) => (from + offset) >>> 0;

/** What a segment is, and where it stands: bytes that its sender has sent, and has heard, since the handshake. */
interface Segment {
  readonly flags: string;
  readonly sent?: number;
  readonly heard?: number;
  readonly data?: number;
}

forFamilies('the end of a connection', TestNode.open, (ip, node) => {
  const segment = (own: number, other: number, ports: { source: number; destination: number }, one: Segment) => {
    const { flags, sent = 0, heard = 0, data = 0 } = one;
    return tcp({ ...ports, flags, seq: at(own, sent), ack: at(other, heard), data: Buffer.alloc(data) });
  };
  const toServer = (one: Segment) => segment(start.client, start.server, { source: 40000, destination: 80 }, one);
  const toClient = (one: Segment) => segment(start.server, start.client, { source: 80, destination: 40000 }, one);
  const map = () => (ip.family === 4 ? node().maps.conntrack4 : node().maps.conntrack6);
  const left = () => [...map().entries()].map(([{ endpoint }]) => endpoint).sort();
  const open = (client: (one: Segment) => unknown, server: (one: Segment) => unknown) => {
    client({ flags: 'S', sent: -1 });
    server({ flags: 'SA', sent: -1 });
    client({ flags: 'A' });
  };

  for (const [who, endpoints] of [
    ['two pods of one node', [11]],
    ['two pods of one node with policies', [11, 12]],
  ] as const)
    describe(`of ${who}`, () => {
      const client = (one: Segment) => node().from(node().a, ip.sent(node().a, 'b', toServer(one)));
      const server = (one: Segment) => node().from(node().b, ip.sent(node().b, 'a', toClient(one)));
      beforeEach(() => {
        if (endpoints.length === 2) {
          node().enforce(node().a, [{ identity: identities.b, direction: Direction.egress }], both);
          node().enforce(node().b, [{ identity: identities.a }], both);
        }
        open(client, server);
      });

      it('is the acknowledgement of the second FIN', () => {
        client({ flags: 'FA', data: 10 });
        server({ flags: 'A', heard: 11 });
        server({ flags: 'FA', heard: 11, data: 3 });
        assert.deepEqual(left(), endpoints);
        client({ flags: 'A', sent: 11, heard: 4 });
        assert.deepEqual(left(), []);
      });

      it('is none that acknowledges only what came before the FIN', () => {
        client({ flags: 'FA' });
        server({ flags: 'FA', heard: 1, data: 100 });
        client({ flags: 'A', sent: 1, heard: 50 });
        client({ flags: 'A', sent: 1, heard: 100 });
        assert.deepEqual(left(), endpoints);
        client({ flags: 'A', sent: 1, heard: 101 });
        assert.deepEqual(left(), []);
      });

      it('is the second of two acknowledgements where both close at once', () => {
        client({ flags: 'FA' });
        server({ flags: 'FA' });
        client({ flags: 'A', sent: 1, heard: 1 });
        assert.deepEqual(left(), endpoints);
        assert.equal(server({ flags: 'A', sent: 1, heard: 1 }).verdict, 'redirect');
        assert.deepEqual(left(), []);
      });

      it('is found behind padding of the frame as well', () => {
        const padded = Buffer.concat([ip.sent(node().a, 'b', toServer({ flags: 'FA' })), Buffer.alloc(6)]);
        node().from(node().a, padded);
        server({ flags: 'FA', heard: 1 });
        client({ flags: 'A', sent: 1, heard: 1 });
        assert.deepEqual(left(), []);
      });

      it('is not yet while one side goes on to send', () => {
        client({ flags: 'FA' });
        for (const sent of [0, 1000]) {
          server({ flags: 'A', sent, heard: 1, data: 1000 });
          client({ flags: 'A', sent: 1, heard: sent + 1000 });
        }
        assert.deepEqual(left(), endpoints);
      });
    });

  describe('with another node', () => {
    const send = (one: Segment) => node().from(node().a, ip.sent(node().a, 'remote', toServer(one)));
    const receive = (one: Segment) => node().received(ip.arriving('remote', 'a', toClient(one)));
    const allowed = [{ identity: identities.remote, direction: Direction.egress }];

    it('leaves the entry for a while behind its last ACK, which may be lost', () => {
      node().enforce(node().a, allowed, both);
      open(send, receive);
      send({ flags: 'FA' });
      receive({ flags: 'FA', heard: 1 });
      send({ flags: 'A', sent: 1, heard: 1 });
      assert.deepEqual(
        [...map().entries()].map(([, { state }]) => state),
        [ConntrackState.closing],
      );
      assert.equal(receive({ flags: 'FA', heard: 1 }).verdict, 'redirect');
    });

    it('is at once where a second FIN may come in without it, and be answered', () => {
      node().enforce(node().a, allowed, egressEnforced);
      open(send, receive);
      send({ flags: 'FA' });
      receive({ flags: 'FA', heard: 1 });
      send({ flags: 'A', sent: 1, heard: 1 });
      assert.deepEqual(left(), []);
      assert.notEqual(receive({ flags: 'FA', heard: 1 }).verdict, 'drop');
      assert.equal(send({ flags: 'A', sent: 1, heard: 1 }).verdict, 'redirect');
    });

    it('leaves the entry where the answer of a server would be a connection that nothing allows', () => {
      node().enforce(node().a, [], egressEnforced);
      const answer = (one: Segment) => node().from(node().a, ip.sent(node().a, 'remote', toClient(one)));
      const ask = (one: Segment) => node().received(ip.arriving('remote', 'a', toServer(one)));
      open(ask, answer);
      answer({ flags: 'FA' });
      ask({ flags: 'FA', heard: 1 });
      answer({ flags: 'A', sent: 1, heard: 1 });
      assert.deepEqual(left(), [11]);
      ask({ flags: 'FA', heard: 1 });
      assert.equal(answer({ flags: 'A', sent: 1, heard: 1 }).verdict, 'redirect');
    });

    it('is at once where the last ACK is received', () => {
      node().enforce(node().a, allowed, both);
      open(send, receive);
      receive({ flags: 'FA' });
      send({ flags: 'FA', heard: 1 });
      receive({ flags: 'A', sent: 1 });
      assert.deepEqual(left(), [11], 'a FIN that has not been acknowledged');
      receive({ flags: 'A', sent: 1, heard: 1 });
      assert.deepEqual(left(), []);
    });
  });
});

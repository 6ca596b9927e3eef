import assert from 'node:assert/strict';
import type { TrafficRule } from '../../api/index.ts';
import { portMatches } from './cilium-ports.ts';

const matches = (toPorts: TrafficRule['toPorts']) =>
  portMatches({ requires: [], toPorts, icmps: [] }, 'ingress[0]', (path) => ({ number: 16, path }));

describe('ports of an element', () => {
  it('are all where it has no toPorts, and none where these list none', () => {
    assert.equal(matches([]), undefined);
    assert.deepEqual(matches([{ ports: [], serverNames: [] }]), []);
    const all = matches([{ ports: [{ port: 0, protocol: 'UDP' }], serverNames: [] }]);
    assert.deepEqual(all, [{ protocols: [17], ref: { number: 16, path: 'ingress[0].toPorts[0]' } }]);
  });
});

import assert from 'node:assert/strict';
import { KubeFault } from '../../kube/index.ts';
import { FaultLog } from './fault-log.ts';

describe('faults of a Kubernetes source', () => {
  const told: string[] = [];
  let log: FaultLog;
  beforeEach(() => {
    told.length = 0;
    log = new FaultLog(undefined, ({ message }) => told.push(message));
  });
  const tell = (code: string, message: string, at: number) => log.tell(new KubeFault(code, message), at);

  it('are told once a minute', () => {
    for (const at of [0, 10, 59_000, 61_000]) tell('KUBE_FORBIDDEN', 'a', at);
    tell('KUBE_FORBIDDEN', 'b', 61_000);
    assert.deepEqual(told, ['a', 'a', 'b']);
  });

  it('are one, where there is no server; and told anew when it was there meanwhile', () => {
    for (const message of ['a', 'b', 'c']) tell('KUBE_UNREACHABLE', message, 0);
    log.heard();
    tell('KUBE_UNREACHABLE', 'd', 1);
    assert.deepEqual(told, ['a', 'd']);
  });

  it('are not told, where the server only asks for a moment', () => {
    tell('KUBE_THROTTLED', 'a', 0);
    tell('KUBE_THROTTLED', 'a', 300);
    assert.deepEqual(told, []);
    tell('KUBE_THROTTLED', 'a', 900);
    assert.deepEqual(told, ['a']);
  });
});

import assert from 'node:assert/strict';
import { Fault } from '../lib/fault.ts';
import { answerCall } from './answer-call.ts';
import { encodeCall } from './call.ts';
import { CniError } from './cni-error.ts';
import type { CniHandler } from './request.ts';
import { Turns } from './turns.ts';

const result = { interfaces: [], ips: [], routes: [] };

/** A handler all of whose work fails so. */
const failing = (error: unknown): CniHandler => {
  const fail = async () => {
    throw error;
  };
  return { add: fail, del: fail, check: fail, gc: fail, status: fail };
};

const call = async (command: string, handler: CniHandler) => {
  const environment = new Map(
    Object.entries({
      ...{ CNI_COMMAND: command, CNI_CONTAINERID: '0123456789abcdef', CNI_NETNS: '/run/netns/a', CNI_IFNAME: 'eth0' },
      CNI_ARGS: 'K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web',
    }),
  );
  const settings = { cniVersion: '1.1.0', name: 'sluice', prevResult: result, 'cni.dev/valid-attachments': [] };
  const { body } = await answerCall(
    encodeCall({ environment, config: JSON.stringify(settings) }),
    handler,
    new Turns(),
  );
  return JSON.parse(body) as { cniVersion: string; code: number; msg: string; details?: string };
};

describe('what a failed CNI call is answered', () => {
  const exhausted = new Fault('IPAM_EXHAUSTED', '10.1.0.0/24: every address is taken', {
    hint: 'look at the CiliumNode',
  });
  const gone = new Fault('NETNS_GONE', 'open network namespace /run/netns/a: it is none');
  const cases: [string, string, unknown, number][] = [
    ['a node without free addresses', 'ADD', exhausted, 11],
    ['a namespace that is gone', 'ADD', gone, 4],
    ['a namespace that is gone', 'CHECK', gone, 3],
    ["the node's own namespace", 'ADD', new Fault('NETNS_OWN', 'it is the node’s'), 4],
    ['anything else of the kernel', 'ADD', new Fault('NETLINK_EPERM', 'netlink: add veth: EPERM'), 100],
    ['a bug', 'GC', new TypeError('x is not a function'), 100],
    ['what the handler says', 'STATUS', new CniError(51, 'no route yet'), 51],
  ];
  for (const [what, command, error, code] of cases)
    it(`${command}, ${what}: code ${code}`, async () => {
      const answer = await call(command, failing(error));
      assert.deepEqual([answer.code, answer.cniVersion], [code, '1.1.0']);
    });

  it('names the pod and what to do next', async () => {
    const { msg, details } = await call('ADD', failing(exhausted));
    assert.equal(msg, 'ADD of shop/web (0123456789ab): 10.1.0.0/24: every address is taken');
    assert.equal(details, 'look at the CiliumNode');
  });

  it('is in a version that every runtime knows, where the call has none', async () => {
    const { body, error } = await answerCall(Buffer.from('\0{'), failing(exhausted), new Turns());
    assert.equal(error?.code, 6);
    assert.equal((JSON.parse(body) as { cniVersion: string }).cniVersion, '1.0.0');
  });
});

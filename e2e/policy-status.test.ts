import assert from 'node:assert/strict';
import { dump } from 'js-yaml';
import type { RawObject } from '../src/kube/index.ts';
import { useCluster } from './support/cluster-rig.ts';
import { type Operator, prepareApi, startOperator } from './support/operator-rig.ts';

const policy = (name: string, spec: object, kind = 'CiliumNetworkPolicy'): string =>
  dump({
    ...{ apiVersion: 'cilium.io/v2', kind },
    metadata: { name, ...(kind === 'CiliumNetworkPolicy' ? { namespace: 'default' } : {}) },
    spec,
  });
const right = { endpointSelector: {}, ingress: [{ fromEndpoints: [{}] }] };
/** Nothing that a schema could see. */
const wrong = { endpointSelector: {}, ingress: [{ fromEndpoints: [{}], fromCIDR: ['10.0.0.0/8'] }] };

/** `True Accepted: ...`, of the condition `Valid`. */
function valid(object: RawObject | undefined): string {
  const { conditions = [] } = (object?.status ?? {}) as { conditions?: Record<string, string>[] };
  const found = conditions.find(({ type }) => type === 'Valid');
  return found === undefined ? '' : `${found.status} ${found.reason}: ${found.message}`;
}

describe('policies in a real API server', () => {
  const cluster = useCluster({ nodes: 1, dns: false, proxy: 'none', cni: 'none' });
  let operator: Operator;

  before(async () => {
    await prepareApi(cluster());
    operator = await startOperator(cluster(), 'policies', 19_985, '--datapath=ebpf', '--lease-duration=3s');
    await operator.leads();
  });
  after(() => operator?.end('SIGTERM'));

  const says = (name: string, pattern: RegExp, kind = 'CiliumNetworkPolicy') =>
    cluster().waitFor(kind, name, `says ${pattern}`, (object) => pattern.test(valid(object)), {
      ...(kind === 'CiliumNetworkPolicy' ? { namespace: 'default' } : {}),
    });

  it('say whether they are valid, as soon as they are written', async () => {
    const { apply, kubectl } = cluster();
    await apply(policy('a', right));
    await says('a', /^True Accepted/);
    await apply(policy('a', wrong));
    await says(
      'a',
      /^False InvalidValue: spec\.ingress\[0\] has both fromEndpoints and fromCIDR .*its last valid version stays in force$/,
    );
    const [head = '', row = ''] = (await kubectl('get', 'cnp')).split('\n');
    assert.match(head, /^NAME +VALID +AGE$/);
    assert.match(row, /^a +False /);
    await apply(policy('a', right));
    await says('a', /^True Accepted/);
  });

  it('say so where they were never right', async () => {
    await cluster().apply(policy('b', wrong));
    await says('b', /^False .*it is not in force$/);
    const kind = 'CiliumClusterwideNetworkPolicy';
    const l7 = [{ toPorts: [{ ports: [{ port: '80', protocol: 'TCP' }], rules: { http: [{ method: 'GET' }] } }] }];
    await cluster().apply(policy('c', { nodeSelector: {}, ingress: l7 }, kind));
    await says('c', /^False .*host policy/, kind);
    await cluster().apply(policy('c', { endpointSelector: {}, ingress: l7 }, kind));
    await says('c', /^False L7ProxyDisabled: .* the rest of it is in force$/, kind);
    const ports = [{ toPorts: [{ ports: [{ port: '80', protocol: 'TCP' }] }] }];
    await cluster().apply(policy('c', { endpointSelector: {}, ingress: ports }, kind));
    await says('c', /^True/, kind);
  });

  it('keep what others have said', async () => {
    const { apply, kubectl } = cluster();
    await apply(policy('d', right));
    await says('d', /^True/);
    const status = { nodes: { 'node-1': { ok: true } } };
    await kubectl('patch', 'cnp', 'd', '--subresource=status', '--type=merge', '-p', JSON.stringify({ status }));
    await apply(policy('d', wrong));
    await says('d', /^False/);
    const nodes = await kubectl('get', 'cnp', 'd', '-o', 'jsonpath={.status.nodes}');
    assert.deepEqual(JSON.parse(nodes), status.nodes);
  });
});

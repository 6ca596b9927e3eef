import { KernelState } from '../../../src/agent/datapath/kernel-state.ts';
import { type CiliumNetworkPolicy, parseObject } from '../../../src/api/index.ts';
import { openBpf, openKernel, openMaps, removePins } from '../../../src/datapath/index.ts';
import type { Endpoint } from '../../../src/network/endpoint/index.ts';
import { PolicyEngine } from '../../../src/network/policy/index.ts';
import { Ipcache } from '../../../src/network/routing/index.ts';
import { type Bench, type BenchContext, below, figure } from '../bench.ts';
import { median, percentile } from '../support/statistics.ts';

const endpoints = 100;
const groups = 100;

/** From what objects say to what the kernel's maps hold, in one process and with real maps. */
export const datapathPolicy: Bench = {
  name: 'datapath-policy',
  about: 'policies, identities and endpoints into the kernel’s maps: from nothing, and one more',
  async run(context) {
    const identities = context.quick ? 1000 : 10_000;
    const policies = context.quick ? 100 : 1000;
    const { engine, state } = await openState(context);
    context.progress(`${identities} identities, ${policies} policies, ${endpoints} endpoints`);
    const started = performance.now();
    for (let i = 0; i < identities; i++) engine.setIdentity(identity(300 + i, i % groups));
    for (let i = 0; i < policies; i++) engine.setPolicy(policy(`policy-${i}`, i % endpoints, i % groups, 8080));
    for (let i = 0; i < endpoints; i++) {
      const endpoint = endpointOf(i);
      state.setEndpoint(endpoint, engine.subject(endpoint.labels, []));
    }
    state.apply();
    const whole = performance.now() - started;
    const faults = state.faults();
    if (faults.length > 0) throw faults[0];
    const memory = process.memoryUsage().rss / 1e6;

    const times = context.quick ? 20 : 200;
    // Selects every endpoint; of each, the hundred identities of a group are allowed at another port each time.
    const changes = Array.from({ length: times }, (_, i) =>
      timed(() => {
        engine.setPolicy(policy('everybody', undefined, 7, 9000 + (i % 2)));
        state.apply();
      }),
    );
    const additions = Array.from({ length: times }, (_, i) =>
      timed(() => {
        engine.setIdentity(identity(40_000 + i, 7));
        state.apply();
      }),
    );
    const size = `${identities.toLocaleString('en-US')} identities, ${policies.toLocaleString('en-US')} policies, ${endpoints} endpoints`;
    return [
      figure(`${size}, from nothing into the kernel's maps`, whole / 1000, 's', { goal: below(5) }),
      figure(`${size}: memory of the process`, memory, 'MB', { goal: below(250) }),
      figure(`one policy changed, in force on ${endpoints} endpoints, p50`, median(changes), 'ms'),
      figure(`one policy changed, in force on ${endpoints} endpoints, p99`, percentile(changes, 0.99), 'ms', {
        goal: below(100),
      }),
      figure(`one identity added to the maps of ${endpoints} endpoints, p50`, median(additions), 'ms'),
      figure(`one identity added to the maps of ${endpoints} endpoints, p99`, percentile(additions, 0.99), 'ms', {
        goal: below(20),
      }),
    ];
  },
};

async function openState(context: BenchContext) {
  const [kernel, bpf] = [await openKernel(), await openBpf()];
  const directory = `/sys/fs/bpf/sluice-bench-${process.pid}`;
  const maps = openMaps(bpf, kernel, { directory });
  context.defer(() => {
    maps.close();
    removePins(directory);
  });
  const engine = new PolicyEngine({ cluster: 'default', enforcement: 'default', allowLocalhost: true });
  return { engine, state: new KernelState({ maps, engine, ipcache: new Ipcache(), audit: false, proxyPort: 0 }) };
}

function timed(work: () => void): number {
  const started = performance.now();
  work();
  return performance.now() - started;
}

const identity = (id: number, group: number) => ({
  id,
  labels: [`k8s:group=${group}`, 'k8s:io.kubernetes.pod.namespace=default', `k8s:member=${id}`],
});

/** @param app of the endpoint that it selects; undefined: all */
function policy(name: string, app: number | undefined, group: number, port: number): CiliumNetworkPolicy {
  const { object, diagnostics } = parseObject({
    apiVersion: 'cilium.io/v2',
    kind: 'CiliumNetworkPolicy',
    metadata: { name, namespace: 'default' },
    spec: {
      endpointSelector: app === undefined ? {} : { matchLabels: { app: `${app}` } },
      ingress: [
        {
          fromEndpoints: [{ matchLabels: { group: `${group}` } }],
          toPorts: [{ ports: [{ port: `${port}`, protocol: 'TCP' }] }],
        },
      ],
    },
  });
  if (object?.kind !== 'CiliumNetworkPolicy') throw new Error(JSON.stringify(diagnostics));
  return object;
}

function endpointOf(i: number): Endpoint {
  return {
    ...{ id: i + 1, containerId: `c${i}`, ifname: 'eth0', netns: '', hostInterface: `slu${i}`, hostIfindex: 1000 + i },
    addresses: { ipv4: `10.1.0.${i + 1}`, ipv6: `fd00::${i + 1}` },
    macs: { pod: '02:00:00:00:00:01', host: '02:00:00:00:00:02' },
    pod: { namespace: 'default', name: `pod-${i}`, uid: '' },
    labels: [`k8s:app=${i}`, 'k8s:io.kubernetes.pod.namespace=default'],
    ...{ identity: 20_000 + i, namedPorts: [], state: 'ready', chained: false, created: 0 },
  };
}

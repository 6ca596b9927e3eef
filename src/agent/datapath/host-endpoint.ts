import { EndpointKey } from '../../gen/abi.ts';
import type { Tables } from '../../mesh/inputs.ts';
import type { Endpoint } from '../../network/endpoint/index.ts';
import { type Labels, makeLabels, reserved } from '../../network/identity/index.ts';
import type { PolicyEngine } from '../../network/policy/index.ts';
import type { KernelState } from './kernel-state.ts';
import { ManagedEndpoint } from './managed-endpoint.ts';

export interface HostEndpointOptions {
  readonly tables: Tables;
  readonly node: string;
  /** Of this node, not given to a pod. */
  readonly id: number;
  readonly engine: PolicyEngine;
  readonly state: KernelState;
}

const noMac = '00:00:00:00:00:00';

/** The node itself as an endpoint, for policies with a nodeSelector: its labels are its Node's, its identity is `host`. */
export class HostEndpoint {
  readonly managed: ManagedEndpoint;
  readonly #options: HostEndpointOptions;
  readonly #stop: () => void;

  /** In force with the next `apply` of the state. */
  constructor(options: HostEndpointOptions) {
    this.#options = options;
    const { tables, node, engine, state } = options;
    const labels = this.#labels();
    const endpoint: Endpoint = {
      ...{ id: options.id, containerId: '', ifname: '', netns: '', hostInterface: '', chained: false },
      hostIfindex: EndpointKey.hostEndpointKey,
      addresses: {},
      macs: { pod: noMac, host: noMac },
      pod: { namespace: '', name: '', uid: '' },
      ...{ labels, identity: reserved.host, namedPorts: [], state: 'ready', created: Date.now() },
    };
    const made = {
      ...{ containerId: '', ifname: '', hostInterface: '', hostMac: noMac, podMac: noMac, podIndex: 0, mtu: 0 },
      ...{ hostIndex: endpoint.hostIfindex, addresses: [] },
    };
    this.managed = new ManagedEndpoint(endpoint, made, engine.hostSubject(labels));
    this.managed.note('host policies are in force');
    state.setEndpoint(endpoint, this.managed.subject);
    this.#stop = tables.Node.observe((changes) => {
      if (changes.some(({ key }) => key === node)) this.#update();
    });
  }

  close(): void {
    this.#stop();
  }

  #update(): void {
    const { engine, state } = this.#options;
    const labels = this.#labels();
    if (labels.join() === this.managed.endpoint.labels.join()) return;
    const before = this.managed.subject;
    this.managed.endpoint = { ...this.managed.endpoint, labels };
    this.managed.subject = engine.hostSubject(labels);
    state.setEndpoint(this.managed.endpoint, this.managed.subject);
    state.apply();
    engine.release(before);
  }

  #labels(): Labels {
    const { tables, node } = this.#options;
    const own = Object.entries(tables.Node.get(node)?.metadata.labels ?? {});
    return makeLabels([
      ...own.map(([key, value]) => ({ source: 'k8s', key, value })),
      { source: 'reserved', key: 'host', value: '' },
    ]);
  }
}

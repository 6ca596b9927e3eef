import type { Attachment, Attachments, Hook } from '../../datapath/index.ts';
import { Fault } from '../../lib/fault.ts';
import type { ManagedEndpoint } from './managed-endpoint.ts';
import type { NodeDevices } from './node-devices.ts';
import type { DatapathOptions } from './options.ts';

const podHooks: readonly Hook[] = ['from_pod', 'to_pod'];
const tunnelHooks: readonly Hook[] = ['from_tunnel', 'to_tunnel'];

/** Which programs are on pods' interfaces, the tunnel and the devices towards other nodes. */
export class AttachedPrograms {
  readonly #attachments: Attachments;
  readonly #hostFirewall: boolean;

  constructor(attachments: Attachments, { hostFirewall }: Pick<DatapathOptions, 'hostFirewall'>) {
    this.#attachments = attachments;
    this.#hostFirewall = hostFirewall;
  }

  /** Of a pod, by the index of its host end, as filters, which are quicker to make; what is there is replaced in place. @throws Fault */
  attach(ifindex: number): void {
    for (const hook of podHooks) this.#attachments.attach(ifindex, hook, 'filter');
  }
  detach(ifindex: number): void {
    for (const hook of podHooks) this.#attachments.detach(ifindex, hook);
  }

  /** What is not on a pod's interface, and should be. @throws Fault where the interface is gone */
  missing(ifindex: number): readonly Hook[] {
    return podHooks.filter((hook) => !this.#attachments.isInForce(ifindex, hook));
  }

  /** What leaves the node is looked at for host policies only. @returns what is attached now @throws Fault */
  attachDevices(devices: NodeDevices, tunnel: number | undefined): readonly Attachment[] {
    const wanted = this.#onDevices(devices, tunnel);
    for (const { ifindex, hook } of wanted) this.#attachments.attach(ifindex, hook);
    return wanted;
  }

  /** Attaches what somebody else took away or replaced. Answers how many programs that were; interfaces that are gone are left to CNI. */
  mend(devices: NodeDevices, tunnel: number | undefined, endpoints: Iterable<ManagedEndpoint>): number {
    let mended = 0;
    const mendOne = (ifindex: number, hook: Hook, how: 'best' | 'filter') => {
      if (this.#attachments.isInForce(ifindex, hook)) return;
      try {
        this.#attachments.attach(ifindex, hook, how);
        mended++;
      } catch (error) {
        if (!(error instanceof Fault && error.code === 'ATTACH_ENODEV')) throw error;
      }
    };
    for (const { ifindex, hook } of this.#onDevices(devices, tunnel)) mendOne(ifindex, hook, 'best');
    for (const { endpoint } of endpoints) for (const hook of podHooks) mendOne(endpoint.hostIfindex, hook, 'filter');
    return mended;
  }

  #onDevices({ uplinks }: NodeDevices, tunnel: number | undefined): Attachment[] {
    return [
      ...uplinks.flatMap(({ index }): Attachment[] => [
        { ifindex: index, hook: 'from_uplink' },
        ...(this.#hostFirewall ? [{ ifindex: index, hook: 'to_uplink' as const }] : []),
      ]),
      ...(tunnel === undefined ? [] : tunnelHooks.map((hook) => ({ ifindex: tunnel, hook }))),
    ];
  }

  /** Takes away what a process before left on any of the devices of the node where neither a device nor an endpoint wants it. */
  prune(onDevices: readonly Attachment[], endpoints: readonly ManagedEndpoint[], all: readonly number[]): void {
    const wanted = [
      ...onDevices,
      ...endpoints.flatMap(({ endpoint }) => podHooks.map((hook) => ({ ifindex: endpoint.hostIfindex, hook }))),
    ];
    this.#attachments.prune(wanted, all);
  }
}

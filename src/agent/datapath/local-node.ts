import { equal } from '../../lib/equal.ts';
import type { Tables } from '../../mesh/inputs.ts';
import { type ClusterPools, type IpamMode, planPodCidrs } from '../../network/ipam/index.ts';
import { ciliumNodeManifest } from '../../network/routing/index.ts';
import type { AgentIpam } from '../ipam/agent-ipam.ts';
import type { NodeDevices } from './node-devices.ts';
import type { Publisher } from './publisher.ts';

export interface LocalNodeOptions {
  readonly tables: Tables;
  readonly node: string;
  readonly mode: IpamMode;
  readonly ipam: AgentIpam;
  /** There is no operator that gives Pod CIDRs: the node takes its own out of these. */
  readonly pools?: ClusterPools;
  readonly devices: () => NodeDevices;
  readonly publisher: Publisher;
}

/** What this node knows and tells of itself: its Pod CIDRs for IPAM, its labels, addresses and CIDRs in its CiliumNode. */
export class LocalNode {
  readonly #options: LocalNodeOptions;
  readonly #stops: (() => void)[];
  #told: unknown;
  /** Taken out of the pools, or found in its object at the start. */
  #own: readonly string[] | undefined;

  constructor(options: LocalNodeOptions) {
    this.#options = options;
    const { tables, node, ipam } = options;
    const look = (changes: readonly { readonly key: string }[]) => {
      if (changes.some(({ key }) => key === node)) this.update();
    };
    this.#stops = [
      tables.Node.observe(look),
      tables.CiliumNode.observe(look),
      ipam.observe(() => (options.pools === undefined ? this.#publish() : this.update())),
    ];
    this.update();
  }

  /** With what objects and devices say now. */
  update(): void {
    const { mode, ipam } = this.#options;
    const cidrs = this.#podCidrs();
    // Nothing is known until the object is there: an empty list would be an answer.
    if (cidrs !== undefined) {
      const own = this.#options.tables.CiliumNode.get(this.#options.node);
      const { podCidrAllocationThreshold: allocation, podCidrReleaseThreshold: release } = own?.spec.ipam ?? {};
      ipam.setPodCidrs({
        podCidrs: cidrs,
        ...(mode === 'cluster-pool-v2beta' && own !== undefined ? { statuses: own.status.ipam.podCIDRs } : {}),
        thresholds: {
          ...(allocation === undefined ? {} : { allocation }),
          ...(release === undefined ? {} : { release }),
        },
      });
    }
    this.#publish();
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  #podCidrs(): readonly string[] | undefined {
    const { tables, node, mode, pools } = this.#options;
    if (pools !== undefined) return this.#ownPodCidrs(pools);
    return mode === 'kubernetes'
      ? tables.Node.get(node)?.spec.podCIDRs
      : tables.CiliumNode.get(node)?.spec.ipam.podCIDRs;
  }

  /** As an operator would give them. */
  #ownPodCidrs(pools: ClusterPools): readonly string[] {
    const { tables, node: name, mode, ipam } = this.#options;
    this.#own ??= tables.CiliumNode.get(name)?.spec.ipam.podCIDRs ?? [];
    for (const text of this.#own) pools.claim(name, text);
    const node = { name, listed: this.#own, statuses: new Map(Object.entries(ipam.podCidrStatuses())) };
    const { podCidrs } = planPodCidrs(node, pools, mode === 'cluster-pool-v2beta', new Set());
    for (const text of this.#own) if (!podCidrs.includes(text)) pools.release(name, text);
    this.#own = podCidrs;
    return podCidrs;
  }

  #publish(): void {
    const { tables, node, mode, ipam, devices, publisher } = this.#options;
    const { ipv4, ipv6 } = devices();
    const object = tables.Node.get(node);
    const known = (object?.status.addresses ?? []).map(({ type, address }) => ({ type, ip: address }));
    const found = [ipv4, ipv6].flatMap((ip) => (ip === undefined ? [] : [{ type: 'InternalIP', ip }]));
    const cidrs = mode === 'kubernetes' ? this.#podCidrs() : this.#own;
    const manifest = {
      ...ciliumNodeManifest({
        name: node,
        ...(object === undefined ? {} : { labels: object.metadata.labels }),
        addresses: known.some(({ type }) => type === 'InternalIP') ? known : found,
        ...(cidrs === undefined ? {} : { podCidrs: cidrs }),
      }),
      ...(mode === 'cluster-pool-v2beta'
        ? {
            status: {
              ipam: {
                'pod-cidrs': Object.fromEntries(
                  Object.entries(ipam.podCidrStatuses()).map(([cidr, status]) => [cidr, { status }]),
                ),
              },
            },
          }
        : {}),
    };
    if (equal(manifest, this.#told)) return;
    this.#told = manifest;
    publisher.apply(manifest);
  }
}

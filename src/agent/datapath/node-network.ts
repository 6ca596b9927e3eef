import type { Netlink } from '../../datapath/index.ts';
import { type NodeDevices, readNodeDevices, tunnelDevice } from './node-devices.ts';
import type { DatapathOptions } from './options.ts';
import { setSysctls } from './sysctls.ts';
import { setUpTunnel } from './tunnel.ts';

/** What is towards other nodes, as it is now: the node's own devices and addresses, and the tunnel. */
export class NodeNetwork {
  readonly #netlink: Netlink;
  readonly #options: DatapathOptions;
  #devices: NodeDevices;
  #tunnel: { readonly link: number; readonly mtu: number } | undefined;

  /** Makes the tunnel, where there is to be one. @throws Fault DEVICES, SYSCTL, `NETLINK_...` */
  constructor(netlink: Netlink, options: DatapathOptions) {
    this.#netlink = netlink;
    this.#options = options;
    setSysctls(options.families);
    this.#devices = readNodeDevices(netlink, options.devices);
    this.#tunnel = setUpTunnel(netlink, options, this.#devices, this.#mtu);
  }

  get devices(): NodeDevices {
    return this.#devices;
  }
  /** Undefined with direct routes. */
  get tunnel(): { readonly link: number; readonly mtu: number } | undefined {
    return this.#tunnel;
  }
  /** Bytes that fit into pods' packets. */
  get podMtu(): number {
    return this.#tunnel?.mtu ?? this.#mtu;
  }

  /**
   * Reads the devices again, and makes the tunnel again where its device is not there or not up. Answers whether anything is different.
   * @param thorough also what is on its device: address and neighbours
   * @throws Fault as the constructor
   */
  look(thorough = false): boolean {
    const { devices } = this;
    try {
      return this.#look(thorough);
    } catch (error) {
      // For the next one to find that they are different.
      this.#devices = devices;
      throw error;
    }
  }

  #look(thorough: boolean): boolean {
    const before = this.#text();
    this.#devices = readNodeDevices(this.#netlink, this.#options.devices);
    if (this.#tunnel === undefined) return this.#text() !== before;
    const device = this.#netlink.links.find(tunnelDevice);
    const isThere = device?.index === this.#tunnel.link && device.isUp;
    if (thorough || !isThere || this.#text() !== before)
      this.#tunnel = setUpTunnel(this.#netlink, this.#options, this.#devices, this.#mtu);
    // Its address is one of the node's.
    if (!isThere) this.#devices = readNodeDevices(this.#netlink, this.#options.devices);
    return this.#text() !== before;
  }

  get #mtu(): number {
    return this.#options.mtu || this.#devices.mtu;
  }
  #text(): string {
    return JSON.stringify([this.#devices, this.#tunnel]);
  }
}

import type { DatapathParts } from './datapath-parts.ts';

/** ms between looks at the node's own devices and addresses. */
const interval = 5000;

/** Devices of the node come, go and change their addresses while it runs, and somebody may take the tunnel away: looks again and again. */
export class DeviceFollower {
  readonly #parts: DatapathParts;
  readonly #timer: NodeJS.Timeout;
  /** Of devices that were seen, not all is told. */
  #isDue = false;

  constructor(parts: DatapathParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => {
      try {
        this.look();
      } catch (error) {
        parts.log.warn({ err: error }, 'devices of the node');
      }
    }, interval);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Answers whether the tunnel had to be made again: 1, or 0. @param thorough also what is on its device @throws Fault */
  look({ thorough = false } = {}): number {
    const { network, state, peers, attached, settings, changed } = this.#parts;
    const before = network.tunnel?.link;
    const wasDue = this.#isDue;
    // Until the last of these is done, whatever fails: the next look sees no change of its own.
    this.#isDue = true;
    if (!network.look(thorough) && !wasDue) {
      this.#isDue = false;
      return 0;
    }
    state.setHostAddresses(network.devices.addresses);
    peers.setHostAddresses();
    attached.attachDevices(network.devices, network.tunnel?.link);
    settings.write();
    peers.updateRoutes();
    changed();
    this.#isDue = false;
    return network.tunnel?.link === before ? 0 : 1;
  }
}

import { execFileSync } from 'node:child_process';
import type { Event } from '../../../src/gen/abi.ts';
import type { TestNode } from './test-node.ts';

const attachTcxIngress = 46;
const attachTcxEgress = 47;
const icmpv6 = 58;

/**
 * A real VXLAN device in the node's namespace, with the tunnel's programs attached: only the kernel gives a packet tunnel
 * metadata. What another node would send is sent to the device's port from this one, so that the "other" node is 127.0.0.1.
 */
export class TunnelDevice {
  readonly ifindex: number;
  readonly #node: TestNode;
  readonly #links: number[];

  constructor(node: TestNode) {
    this.#node = node;
    const { netns, runner } = node;
    netns.ip('link', 'set', 'lo', 'up');
    netns.ip('link', 'add', 'vxlan', 'type', 'vxlan', 'external', 'dstport', '8472');
    netns.ip('link', 'set', 'vxlan', 'up');
    this.ifindex = Number(netns.ip('-o', 'link', 'show', 'vxlan').split(':')[0]);
    this.#links = netns.run(() => [
      runner.bpf.createLink(runner.descriptor('from_tunnel'), this.ifindex, attachTcxIngress),
      runner.bpf.createLink(runner.descriptor('to_tunnel'), this.ifindex, attachTcxEgress),
    ]);
    runner.events();
  }

  /** What a node at `sender` encapsulated. Answers what the program told; it is waited for. */
  receive(vni: number, inner: Uint8Array, sender: '127.0.0.1' | '::1' = '127.0.0.1'): Event[] {
    const header = Buffer.alloc(8);
    header[0] = 8;
    header.writeUInt32BE(vni << 8, 4);
    const datagram = Buffer.concat([header, inner]).toString('base64');
    return this.#told(() => this.#shell(`echo ${datagram} | base64 -d >/dev/udp/${sender}/8472`));
  }

  /** A datagram from one of the node's own sockets, which routes send into the tunnel. */
  send(destination: string, port: number): Event[] {
    return this.#told(() => this.#shell(`echo x >/dev/udp/${destination}/${port}`));
  }

  close(): void {
    for (const link of this.#links) this.#node.runner.kernel.close(link);
    this.#node.netns.ip('link', 'del', 'vxlan');
  }

  /**
   * The packet is through when the sender returns: it went by `lo`, within the call. What the device says for itself, which is multicast
   * listener reports, comes when it likes.
   */
  #told(work: () => void): Event[] {
    this.#node.runner.events();
    work();
    return this.#node.runner
      .events()
      .filter(({ ifindex, protocol }) => ifindex === this.ifindex && protocol !== icmpv6);
  }

  #shell(command: string): void {
    execFileSync('nsenter', [`--net=${this.#node.netns.namespace.path}`, '--', 'bash', '-c', command]);
  }
}

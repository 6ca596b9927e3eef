import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { ipBytes, ipOf } from '../../../src/datapath/netlink/ip-bytes.ts';
import { macBytes } from '../../../src/datapath/netlink/mac.ts';
import { TestNetns } from '../../../src/datapath/programs/testing/test-netns.ts';
import type { Bpf } from '../../../src/datapath/sys/bpf-calls.ts';
import { openKernel } from '../../../src/datapath/sys/kernel.ts';
import { openBpf } from '../../../src/datapath/sys/libbpf.ts';
import { type ProgramName, ProgramRunner, type RunResult } from '../../../src/datapath/testing/program-runner.ts';
import type { SkbContext } from '../../../src/datapath/testing/skb-context.ts';
import {
  Abi,
  type Config,
  ConfigFlag,
  Direction,
  DropReason,
  type Endpoint,
  EndpointFlag,
  EndpointKey,
  EventType,
  IpcacheFlag,
  LocalAddressFlag,
  PolicyPrefix,
  PolicyVerdict,
} from '../../../src/gen/abi.ts';
import { address, unset } from './addresses.ts';

export interface Pod extends Endpoint {
  readonly name: string;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly podMac: string;
  readonly hostMac: string;
}

export interface Rule {
  readonly identity: number;
  readonly direction?: number;
  /** Without a protocol: all. */
  readonly protocol?: number;
  readonly port?: number;
  readonly portBits?: number;
  readonly verdict?: number;
  readonly rule?: number;
  readonly proxyPort?: number;
}

export type Reason = keyof typeof DropReason;

export interface Outcome extends RunResult {
  /** Of a drop. */
  readonly reason: Reason | undefined;
}

const second = 1_000_000_000n;
export const identities = { a: 1001, b: 1002, remote: 1003 } as const;

const defaults: Config = {
  version: Abi.abiVersion,
  flags: ConfigFlag.fastLocal | ConfigFlag.fastRouted | ConfigFlag.verdictEvents | ConfigFlag.traceEvents,
  traceInterval: 5n * second,
  tcpOpeningLifetime: 60n * second,
  tcpEstablishedLifetime: 21600n * second,
  tcpClosingLifetime: 10n * second,
  otherLifetime: 60n * second,
  icmpLifetime: 30n * second,
  tunnelIfindex: 77,
  wayLifetime: 0,
  wakeupBytes: 0,
  tunnelPort: 8472,
  tunnelSource4: new Uint8Array(4),
  tunnelUplink: 0,
  traceTcpFlags: 7,
} as unknown as Config;

/**
 * A node as programs see one: its maps, two pods `a` and `b`, its own addresses, pods of another node and somebody in the
 * world. Devices are real, in a namespace of their own, but nothing is attached to them: packets only run through programs.
 */
export class TestNode {
  readonly runner: ProgramRunner;
  readonly a: Pod;
  readonly b: Pod;
  readonly uplink: number;
  readonly netns: TestNetns;
  #config: Config = defaults;

  /** @param replace makes maps that the programs get in place of their own */
  static async open(replace?: (bpf: Bpf) => ReadonlyMap<string, number>): Promise<TestNode> {
    const kernel = await openKernel();
    const netns = await TestNetns.start(kernel);
    try {
      for (const name of Object.keys(macs)) {
        netns.ip(
          'link',
          'add',
          name,
          'address',
          macs[name] as string,
          'type',
          'veth',
          'peer',
          `${name}-peer`,
          'address',
          peerMac(name),
        );
        for (const end of [name, `${name}-peer`]) netns.ip('link', 'set', end, 'up');
      }
      netns.run(() => {
        for (const family of ['ipv4', 'ipv6']) writeFileSync(`/proc/sys/net/${family}/conf/all/forwarding`, '1');
      });
      netns.ip('address', 'add', '10.9.0.1/24', 'dev', 'uplink');
      netns.ip('address', 'add', 'fd09::1/64', 'dev', 'uplink', 'nodad');
      for (const ip of ['10.9.0.2', 'fd09::2'])
        netns.ip('neighbour', 'add', ip, 'dev', 'uplink', 'lladdr', otherNodeMac, 'nud', 'permanent');
      netns.ip('route', 'add', '10.1.0.0/24', 'via', '10.9.0.2');
      netns.ip('route', 'add', 'fd01::/64', 'via', 'fd09::2');
      const bpf = await openBpf();
      return new TestNode(new ProgramRunner(bpf, kernel, netns.namespace, replace?.(bpf)), netns);
    } catch (error) {
      await netns.stop();
      throw error;
    }
  }

  private constructor(runner: ProgramRunner, netns: TestNetns) {
    this.runner = runner;
    this.netns = netns;
    const index = (name: string) => Number(netns.ip('-o', 'link', 'show', name).split(':')[0]);
    this.uplink = index('uplink');
    this.a = pod('a', 11, index('slua'), identities.a, '10.0.0.1', 'fd00::1');
    this.b = pod('b', 12, index('slub'), identities.b, '10.0.0.2', 'fd00::2');
    this.reset();
  }

  get maps(): ProgramRunner['maps'] {
    return this.runner.maps;
  }

  /** Everything as it was at first; connections are forgotten. */
  reset(): void {
    const { endpoints, localAddresses, policies, conntrack4, conntrack6 } = this.maps;
    for (const map of [endpoints, localAddresses, conntrack4, conntrack6, this.maps.ipcache4, this.maps.ipcache6])
      for (const [key] of [...(map as typeof endpoints).entries()]) (map as typeof endpoints).delete(key);
    for (const id of [...policies.ids()]) policies.delete(id);
    this.#config = defaults;
    this.configure({});
    for (const each of [this.a, this.b]) {
      this.set(each, {});
      for (const ip of [each.ipv4, each.ipv6]) {
        localAddresses.set(address(ip), { ifindex: each.ifindex, endpoint: each.id, flags: 0 });
        this.prefix(ip, each.identity);
      }
    }
    for (const ip of ['10.9.0.1', 'fd09::1', '169.254.1.1', 'fe80::1']) {
      localAddresses.set(address(ip), { ifindex: 0, endpoint: 0, flags: LocalAddressFlag.localAddressHost });
      this.prefix(ip, 1);
    }
    for (const ip of ['10.9.0.2', 'fd09::2']) this.prefix(ip, 6);
    this.prefix('10.0.0.0/24', 2, IpcacheFlag.local);
    this.prefix('fd00::/64', 2, IpcacheFlag.local);
    for (const ip of ['10.1.0.1', 'fd01::1']) this.prefix(ip, identities.remote, IpcacheFlag.routed);
  }

  configure(changes: Partial<Config>): void {
    this.#config = { ...this.#config, ...changes };
    this.maps.config.set(0, this.#config);
  }

  /** Flags added to those that there are. */
  enable(...flags: number[]): void {
    this.configure({ flags: flags.reduce((all, flag) => all | flag, this.#config.flags) });
  }

  disable(...flags: number[]): void {
    this.configure({ flags: flags.reduce((all, flag) => all & ~flag, this.#config.flags) });
  }

  set(endpoint: Endpoint, changes: Partial<Endpoint>): void {
    this.maps.endpoints.set(endpoint.ifindex, { ...endpoint, ...changes });
  }

  /** The host with a policy, enforced both ways. */
  host(rules: readonly Rule[]): void {
    this.enable(ConfigFlag.hostFirewall);
    this.policy(99, rules);
    const flags = EndpointFlag.ingressEnforced | EndpointFlag.egressEnforced;
    this.maps.endpoints.set(EndpointKey.hostEndpointKey, {
      ...this.a,
      id: 1,
      identity: 1,
      ifindex: 0,
      policyId: 99,
      flags,
    });
  }

  /** @param ip an address or a prefix */
  prefix(ip: string, identity: number, flags = 0, tunnelEndpoint = unset): void {
    const [text = '', length] = ip.split('/');
    const { family } = ipOf(text);
    const key = { prefixlen: Number(length ?? (family === 4 ? 32 : 128)), address: ipBytes(ipOf(text)) };
    this.maps[family === 4 ? 'ipcache4' : 'ipcache6'].set(key, { identity, flags, tunnelEndpoint });
  }

  policy(id: number, rules: readonly Rule[]): void {
    this.maps.policies.create(id, (map) => {
      for (const [index, rule] of rules.entries()) {
        const { identity, direction = Direction.ingress, protocol, port, verdict = PolicyVerdict.allow } = rule;
        const portBits = rule.portBits ?? (port === undefined ? 0 : 16);
        const prefixlen = protocol === undefined ? PolicyPrefix.anyProtocol : PolicyPrefix.anyPort + portBits;
        map.set(
          { prefixlen, identity, direction, protocol: protocol ?? 0, port: port ?? 0 },
          { verdict, prefixlen, proxyPort: rule.proxyPort ?? 0, rule: rule.rule ?? index + 1, packets: 0n, bytes: 0n },
        );
      }
    });
  }

  /** The pod with a policy of its own, enforced in these directions. */
  enforce(target: Pod, rules: readonly Rule[], flags: number = EndpointFlag.ingressEnforced, generation = 1): void {
    this.policy(target.policyId, rules);
    this.set(target, { flags, policyGeneration: generation });
  }

  run(program: ProgramName, packet: Uint8Array, context: SkbContext = {}): Outcome {
    const result = this.runner.run(program, packet, context);
    const drops = result.events.filter(({ type }) => type === EventType.drop);
    assert.equal(drops.length, result.verdict === 'drop' ? 1 : 0, `${result.verdict} with ${drops.length} drop events`);
    return { ...result, reason: drops[0] && reasonName(drops[0].reason) };
  }

  /** What the pod sends. */
  from(source: Pod, packet: Uint8Array): Outcome {
    return this.run('from_pod', packet, { ifindex: source.ifindex });
  }

  /** What the stack delivers to the pod. */
  to(target: Pod, packet: Uint8Array, mark = 0): Outcome {
    return this.run('to_pod', packet, { ifindex: target.ifindex, mark });
  }

  /** What comes from the network. */
  received(packet: Uint8Array): Outcome {
    return this.run('from_uplink', packet, { ifindex: this.uplink });
  }

  async close(): Promise<void> {
    this.runner.close();
    await this.netns.stop();
  }
}

function reasonName(number: number): Reason | undefined {
  return Object.entries(DropReason).find(([, value]) => value === number)?.[0] as Reason | undefined;
}

export const otherNodeMac = '0a:00:00:00:09:02';
const macs: Readonly<Record<string, string>> = {
  slua: '0a:00:00:00:01:01',
  slub: '0a:00:00:00:01:02',
  uplink: '0a:00:00:00:09:01',
};
const peerMac = (name: string) =>
  (macs[name] as string).replace('0a:00:00:00:01', '0a:00:00:00:02').replace('0a:00:00:00:09', '0a:00:00:00:0a');

function pod(name: string, id: number, ifindex: number, identity: number, ipv4: string, ipv6: string): Pod {
  const hostMac = macs[`slu${name}`] as string;
  const podMac = peerMac(`slu${name}`);
  const fields = { id, flags: 0, identity, policyId: id, policyGeneration: 1, ifindex };
  const addresses = { address4: address(ipv4), address6: address(ipv6) };
  return {
    ...fields,
    ...addresses,
    mac: macBytes(podMac),
    gatewayMac: macBytes(hostMac),
    name,
    ipv4,
    ipv6,
    podMac,
    hostMac,
  };
}

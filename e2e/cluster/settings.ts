import { join } from 'node:path';
import { Fault } from '../../src/lib/fault.ts';

/** What a testbed is: fixed at `up`, kept in its state directory. */
export interface Settings {
  /** Letters, digits and dashes; names its state directory and its cgroups. */
  readonly name: string;
  readonly nodes: number;
  /** First three parts of the /24 that the control plane (.1) and the nodes (.11 and on) share: `10.90.0`. */
  readonly subnet: string;
  /** CIDR that the control plane's namespace routes to all nodes, as a router would that learnt it by BGP. */
  readonly lbPool: string;
  /** Pods and nodes have IPv6 addresses, too, and Services can. */
  readonly ipv6: boolean;
  readonly dns: boolean;
  /** `none`: nodes stay NotReady until something writes a CNI configuration. */
  readonly cni: 'reference' | 'none';
  readonly proxy: 'nftables' | 'iptables' | 'none';
  /** The API server's port, the same on 127.0.0.1 of the machine; 0: 6443, or a free one when that is taken. */
  readonly apiPort: number;
}

export const defaults: Settings = {
  name: 'sluice',
  nodes: 2,
  subnet: '10.90.0',
  lbPool: '10.90.200.0/24',
  ipv6: false,
  dns: true,
  cni: 'reference',
  proxy: 'nftables',
  apiPort: 0,
};

/** A part of the testbed with namespaces of its own. */
export type Member = 'control-plane' | `node-${number}`;

export const nodeName = (number: number): `node-${number}` => `node-${number}`;
export const nodeNumbers = (settings: Settings): number[] => Array.from({ length: settings.nodes }, (_, i) => i + 1);
export const members = (settings: Settings): Member[] => ['control-plane', ...nodeNumbers(settings).map(nodeName)];

/** The directory of all testbeds on this machine: their state, never their binaries. */
export function stateRoot(): string {
  return process.env.SLUICE_CLUSTER_DIR ?? '/run/sluice-cluster';
}

export const stateDir = (name: string): string => join(stateRoot(), name);

/** Throws a Fault that says what would be right. */
export function checkSettings(settings: Settings): void {
  const wrong = (what: string, hint: string): never => {
    throw new Fault('CLUSTER_SETTINGS', what, { hint });
  };
  checkName(settings.name);
  // A node's number is the third part of its pod CIDR and, plus ten, the last part of its address.
  if (!Number.isInteger(settings.nodes) || settings.nodes < 1 || settings.nodes > 9)
    wrong(`--nodes ${settings.nodes}`, 'A testbed has 1 to 9 nodes.');
  if (!isParts(settings.subnet, 3))
    wrong(`--subnet ${settings.subnet}`, 'Give the first three parts of a /24, as in 10.90.0.');
  const [pool = '', length = ''] = settings.lbPool.split('/');
  if (!isParts(pool, 4) || !/^\d+$/.test(length) || Number(length) < 8 || Number(length) > 32)
    wrong(`--lb-pool ${settings.lbPool}`, 'Give an IPv4 CIDR, as in 10.90.200.0/24.');
  if (!Number.isInteger(settings.apiPort) || settings.apiPort < 0 || settings.apiPort > 65535)
    wrong(`--api-port ${settings.apiPort}`, 'Give a TCP port, or 0 for one that is free.');
}

export function checkName(name: string): void {
  if (/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(name)) return;
  throw new Fault('CLUSTER_SETTINGS', `--name ${name}`, {
    hint: 'Lower-case letters, digits and dashes, at most 32, as in a DNS label.',
  });
}

function isParts(text: string, count: number): boolean {
  const parts = text.split('.');
  return parts.length === count && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

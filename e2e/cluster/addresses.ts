import type { Settings } from './settings.ts';

/** The addresses of one IP version. Numbers are the same in both, as far as they can be. */
export interface Family {
  readonly version: 4 | 6;
  readonly controlPlane: string;
  readonly node: (number: number) => string;
  /** Of the network of control plane and nodes. */
  readonly prefixLength: number;
  readonly pods: string;
  readonly nodePods: (number: number) => string;
  readonly services: string;
  /** For load balancers. */
  readonly pool: string;
  readonly everything: string;
}

export const apiServiceAddress = '10.96.0.1';
export const dnsServiceAddress = '10.96.0.10';

/** IPv4 first: it is what the components talk to each other by, and what Services have by default. */
export const families = (settings: Settings): readonly [Family, ...Family[]] =>
  settings.ipv6 ? [ipv4(settings), ipv6] : [ipv4(settings)];

const ipv4 = ({ subnet, lbPool }: Settings): Family => ({
  version: 4,
  controlPlane: `${subnet}.1`,
  node: (number) => `${subnet}.${10 + number}`,
  prefixLength: 24,
  pods: '10.244.0.0/16',
  nodePods: (number) => `10.244.${number}.0/24`,
  services: '10.96.0.0/16',
  pool: lbPool,
  everything: '0.0.0.0/0',
});

const ipv6: Family = {
  version: 6,
  controlPlane: 'fd00:90::1',
  node: (number) => `fd00:90::${10 + number}`,
  prefixLength: 64,
  pods: 'fd00:244::/48',
  nodePods: (number) => `fd00:244:0:${number}::/64`,
  services: 'fd00:96::/112',
  pool: 'fd00:200::/112',
  everything: '::/0',
};

/** As flags take both: `10.244.0.0/16,fd00:244::/48`. */
export const list = (settings: Settings, of: (family: Family) => string): string =>
  families(settings).map(of).join(',');

export const controlPlaneAddress = (settings: Settings): string => families(settings)[0].controlPlane;
export const nodeAddress = (settings: Settings, number: number): string => families(settings)[0].node(number);

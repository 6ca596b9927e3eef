/** The result of ADD in the form of CNI 1.1.0; `formatResult` writes the older ones. */
export interface CniResult {
  readonly interfaces: readonly CniInterface[];
  readonly ips: readonly CniIp[];
  readonly routes: readonly CniRoute[];
  readonly dns?: CniDns;
}

export interface CniInterface {
  readonly name: string;
  readonly mac?: string;
  readonly mtu?: number;
  /** Path of the network namespace; undefined: the node's. */
  readonly sandbox?: string;
}

export interface CniIp {
  /** With its prefix length: `10.0.0.7/32`. */
  readonly address: string;
  readonly gateway?: string;
  /** Index into `interfaces`. */
  readonly interface?: number;
}

export interface CniRoute {
  /** `0.0.0.0/0` */
  readonly dst: string;
  readonly gw?: string;
  readonly mtu?: number;
}

export interface CniDns {
  readonly nameservers?: readonly string[];
  readonly domain?: string;
  readonly search?: readonly string[];
  readonly options?: readonly string[];
}

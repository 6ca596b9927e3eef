export type LeftoverKind =
  | 'CNI configuration'
  | 'CNI plugin'
  | 'program'
  | 'pins'
  | 'device'
  | 'route'
  | 'address'
  | 'interface of a pod'
  | 'state';

/** One thing of ours on a node. */
export interface Leftover {
  readonly kind: LeftoverKind;
  /** What it is called where one would look for it: a path, `from_uplink on eth0`, a route as `ip route` prints it. */
  readonly name: string;
  /** Nothing where it is gone already. @throws Fault, or an error of the file system */
  remove(): void;
}

/** Where things of ours are on a node. */
export interface NodePlaces {
  readonly cniConfDir: string;
  readonly cniBinDir: string;
  readonly bpffs: string;
  readonly stateDir: string;
}

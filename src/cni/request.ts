import type { CniResult } from './result.ts';
import type { CniVersion } from './version.ts';

/** The five calls of the CNI specification 1.1 that reach the agent (VERSION the plugin answers by itself), after their checks. */
export type CniRequest =
  | ({ readonly command: 'ADD' } & AddRequest)
  | ({ readonly command: 'DEL' } & DelRequest)
  | ({ readonly command: 'CHECK' } & CheckRequest)
  | ({ readonly command: 'GC' } & GcRequest)
  | ({ readonly command: 'STATUS' } & StatusRequest);

/** One interface of one container: what everything of ours is keyed by. */
export interface Attachment {
  readonly containerId: string;
  /** Name of the interface in the container. */
  readonly ifname: string;
}

/** Whose sandbox it is, as the kubelet says in CNI_ARGS. Nothing but the kubelet vouches for it. */
export interface PodReference {
  readonly namespace: string;
  readonly name: string;
  readonly uid?: string;
}

/** The part of a network configuration that concerns this plugin. */
export interface NetworkConfig {
  readonly cniVersion: CniVersion;
  /** Of the network. */
  readonly name: string;
  /** Bytes; for this network only, in place of the agent's. */
  readonly mtu?: number;
  /** What the plugin before this one in the chain has made: its interface is attached to, its addresses are kept. */
  readonly prevResult?: CniResult;
}

export interface AddRequest extends Attachment {
  /** Path of the network namespace. */
  readonly netns: string;
  /** Undefined for what is no pod: made by hand, or by another runtime. */
  readonly pod?: PodReference;
  readonly config: NetworkConfig;
}

export interface DelRequest extends Attachment {
  /** Undefined, or a path that is nothing any more, when the namespace is gone already. */
  readonly netns?: string;
  readonly pod?: PodReference;
  readonly config: NetworkConfig;
}

export interface CheckRequest extends AddRequest {
  readonly config: NetworkConfig & { readonly prevResult: CniResult };
}

export interface GcRequest {
  /** All others of this network are to be cleaned up. */
  readonly validAttachments: readonly Attachment[];
  readonly config: NetworkConfig;
}

export interface StatusRequest {
  readonly config: NetworkConfig;
}

/**
 * What the agent does for a call. Each may be called again with the same, and then does nothing more; a failed `add` leaves
 * nothing behind. Calls for one container come one after the other.
 * @throws CniError; anything else becomes one with the code `nodeFailure`
 */
export interface CniHandler {
  add(request: AddRequest): Promise<CniResult>;
  /** Of what is not there (any more) as well. */
  del(request: DelRequest): Promise<void>;
  /** @throws CniError `changed`, `unknownContainer` */
  check(request: CheckRequest): Promise<void>;
  gc(request: GcRequest): Promise<void>;
  /** @throws CniError `notAvailable`, `limitedConnectivity` */
  status(request: StatusRequest): Promise<void>;
}

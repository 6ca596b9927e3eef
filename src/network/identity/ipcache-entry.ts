/** Who says what an address is. The first that has an entry for a prefix wins; see {@link sourceOrder}. */
export type IpcacheSource = 'local' | 'kube-apiserver' | 'node' | 'endpoint' | 'policy';

/**
 * Own endpoints and addresses of this node, then nodes that have the API server, then other nodes, then other nodes' endpoints,
 * then networks in policies.
 */
export const sourceOrder: readonly IpcacheSource[] = ['local', 'kube-apiserver', 'node', 'endpoint', 'policy'];

/** What the ipcache maps say of the addresses of a network: the longest prefix that has an entry decides. */
export interface IpcacheEntry {
  /** Canonical; `/32` and `/128` for addresses. */
  readonly prefix: string;
  readonly identity: number;
  /** Address of the node that has it, where packets go to it in a tunnel. Absent: by the routes. */
  readonly tunnelEndpoint?: string;
  readonly source: IpcacheSource;
}

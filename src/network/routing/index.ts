/**
 * Nodes, and how the Pods behind them are reached: routes of the kernel's tables, the tunnel's end for ipcache, and what ipcache
 * says of whom. Pure: what is found here to be desired, `agent/datapath` brings to the kernel.
 */
export { ciliumNodeManifest, type LocalNode } from './cilium-node-manifest.ts';
export { clusterNodeOf, endpointEntries, hostPrefix, podCidrEntries, tunnelEndpointOf } from './cluster-node.ts';
export { Ipcache, type PrefixChange, type PrefixEntry } from './ipcache.ts';
export type { ClusterNode, Routing } from './node.ts';
export { type NodeRoute, nodeRoutes, type RouteFacts, type Unreachable } from './node-routes.ts';

/**
 * Nodes, and how the Pods behind them are reached: routes of the kernel's tables, the tunnel's end for ipcache. Pure: what is
 * found here to be desired, `agent/datapath` brings to the kernel.
 */
export type { ClusterNode } from './node.ts';

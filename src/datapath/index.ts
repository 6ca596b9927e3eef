/**
 * The node's kernel: addresses today, programs and maps as they come. It is told by the agent what there should be, makes it
 * so, and leaves alone what is not ours. `sys/` is the only door to system calls, `netlink/` speaks to the kernel's routing;
 * neither knows a Kubernetes object or an Envoy.
 */
export { type EventReader, type OnRecord, type ReadEventsOptions, readEvents } from './events/index.ts';
export {
  type DatapathMaps,
  linksDirectory,
  type MapSizes,
  mapContents,
  type OpenMapsOptions,
  objectDirectory,
  openMaps,
  type PerCpuMap,
  type PolicyMap,
  type PolicyMaps,
  type Refusal,
  type Replacement,
  removePins,
  type SizedMap,
  type TypedMap,
} from './maps/index.ts';
export { setNetSysctl } from './net-sysctl.ts';
export { type Link, linkFlag } from './netlink/link.ts';
export { LinkRemover } from './netlink/link-remover.ts';
export { Netlink } from './netlink/netlink.ts';
export { NetworkNamespace } from './netlink/network-namespace.ts';
export { type Route, routeTable, sluiceProtocol } from './netlink/route.ts';
export { NetlinkSocket } from './netlink/socket.ts';
export { type AddressReport, NodeAddresses } from './node-addresses.ts';
export {
  type FeatureReport,
  type KernelReport,
  orLacking,
  probeKernel,
  requireFeatures,
  type Support,
} from './probe/index.ts';
export {
  type AttachMode,
  type Attachment,
  Attachments,
  type FoundProgram,
  findPrograms,
  type Hook,
  loadPrograms,
  type Programs,
} from './programs/index.ts';
export {
  type Collected,
  CollectionEntries,
  ConntrackCollector,
  type Desired,
  DesiredEntries,
  firstThose,
  fixedEntries,
  type MapEntry,
  MapReconciler,
  MapStage,
  type MapState,
  mapEntry,
  type ReconcileReport,
  type Stage,
  Stages,
} from './reconcile/index.ts';
export { type Bpf, LoadError } from './sys/bpf-calls.ts';
export { openKernel } from './sys/kernel.ts';
export type { Kernel } from './sys/kernel-calls.ts';
export { openBpf } from './sys/libbpf.ts';

/**
 * The CNI plugin's side in the agent: takes what `native/cni` forwards, checks it, has the agent's handler do it, and answers as
 * the CNI specification 1.1 says. Knows how a pod's interface is made and checked in the kernel; which addresses it has, and
 * what its policy is, the agent says. Never keeps state: that is the endpoint manager's.
 */
export { adoptPodInterface } from './adopt-pod-interface.ts';
export { answerForGateway } from './answer-for-gateway.ts';
export { attachmentNames, isHostInterface } from './attachment-names.ts';
export { checkAdoptedInterface, checkPodInterface } from './check-pod-interface.ts';
export { clearNode } from './clear-node.ts';
export { CniError, cniCode } from './cni-error.ts';
export { makePodInterface, setUpNode } from './make-pod-interface.ts';
export { NetworkFile, type NetworkFileOptions, networkFile } from './network-file.ts';
export { mendNodeSides } from './node-sides.ts';
export { placedPlugins, placePlugin } from './place-plugin.ts';
export { type PodInterface, type PodInterfaceSpec, podGateway } from './pod-interface.ts';
export { podResult } from './pod-result.ts';
export type {
  AddRequest,
  Attachment,
  CheckRequest,
  CniHandler,
  DelRequest,
  GcRequest,
  NetworkConfig,
  PodReference,
  StatusRequest,
} from './request.ts';
export type { CniInterface, CniIp, CniResult, CniRoute } from './result.ts';
export { type CniServer, type CniServerOptions, serveCni } from './serve-cni.ts';

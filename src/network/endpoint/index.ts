/**
 * What an endpoint is: names, numbers, states, its record and its CiliumEndpoint. Pure: `agent/datapath` makes and removes
 * them, and tells the kernel.
 */
export {
  type AttachmentRef,
  attachmentKey,
  type Endpoint,
  type EndpointAddresses,
  type EndpointMacs,
  type EndpointState,
  endpointStates,
  type NamedPort,
  type PodRef,
} from './endpoint.ts';
export { EndpointIds } from './endpoint-ids.ts';
export { endpointMacs, hostInterfaceName, hostInterfacePrefix } from './host-interface.ts';

/**
 * What an endpoint is: names, numbers, its record, its CiliumEndpoint. Pure: `agent/datapath` makes and removes them, and tells
 * the kernel.
 */
export {
  type AttachmentRef,
  attachmentKey,
  type Endpoint,
  type EndpointAddresses,
  type EndpointMacs,
  type NamedPort,
  type PodRef,
} from './endpoint.ts';
export { EndpointIds } from './endpoint-ids.ts';
export { formatEndpointRecord, parseEndpointRecord } from './endpoint-record.ts';
export { ciliumEndpointManifest, ciliumIdentityManifest, type Manifest } from './manifests.ts';

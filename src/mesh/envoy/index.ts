/**
 * The model as Envoy's own messages: `encodeMesh` gives every resource, encoded, validated and versioned. Called by the agent
 * and by `translate`; knows no Kubernetes kinds and sends nothing.
 */
export type { EncodeProblem } from './attempt.ts';
export { type EnvoyResources, encodeMesh, type MeshInputs } from './encode-mesh.ts';
export { makeResource, sameResource } from './make-resource.ts';
export type { AccessLogOptions, OtlpExporter, TracingOptions } from './observability.ts';
export { defaultEncodeOptions, type EncodeOptions } from './options.ts';
export { type Fragment, type Rejection, type Resource, type ResourceType, resourceTypes } from './resource.ts';
export type { TableLayout } from './route-layout.ts';
export { violations } from './validate.ts';

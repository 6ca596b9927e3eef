/**
 * Services as backends: what a reference to a Service port comes to, the cluster for it, and its endpoints. Called by every
 * translator; knows no Ingress, no Gateway and no Envoy.
 */
export * from './backends.ts';
export * from './certificates.ts';
export * from './endpoints.ts';
export * from './load-balancer-addresses.ts';
export * from './service-backend.ts';

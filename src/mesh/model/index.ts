/**
 * What a listener, a route, a backend and a certificate are, to every translator: no Kubernetes kinds, no Envoy types.
 * `ingress/`, `gateway/` and `envoyconfig/` produce these; `envoy/` encodes them.
 */
export * from './backend.ts';
export * from './endpoints.ts';
export * from './http-route.ts';
export * from './listener.ts';
export * from './load-balancer-service.ts';
export * from './outputs.ts';
export * from './tls.ts';

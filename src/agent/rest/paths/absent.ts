import type { Reply, Route } from '../router.ts';

const reasons = {
  service: 'services are those of Kubernetes, and of Envoy alone as yet: the datapath has none of its own',
  recorder: 'this agent records no packets: `sluice monitor` tells of them',
  prefilter: 'this agent has no prefilter: a policy with ingressDeny and fromCIDR drops as well',
} as const;

/**
 * What Cilium's agent has and this one has none of. Whoever reads is told so as the description says it, by an empty list or 404; who would
 * change it is refused, with the reason.
 */
export function absentRoutes(): Route[] {
  const reply = (method: Route['method'], path: string, answer: Reply): Route => ({
    method,
    path,
    handle: () => answer,
  });
  const none = (path: string) => reply('GET', path, { body: [] });
  const unknown = (method: Route['method'], path: string) => reply(method, path, { status: 404 });
  return [
    none('/service'),
    none('/lrp'),
    unknown('GET', '/service/{id}'),
    unknown('DELETE', '/service/{id}'),
    reply('PUT', '/service/{id}', { status: 501, body: reasons.service }),
    none('/recorder'),
    none('/recorder/masks'),
    unknown('GET', '/recorder/{id}'),
    unknown('DELETE', '/recorder/{id}'),
    // The description has no 501 for these.
    reply('PUT', '/recorder/{id}', { status: 500, body: reasons.recorder }),
    reply('GET', '/prefilter', { body: { spec: { revision: 0, deny: [] }, status: { realized: { deny: [] } } } }),
    reply('PATCH', '/prefilter', { status: 500, body: reasons.prefilter }),
    reply('DELETE', '/prefilter', { status: 500, body: reasons.prefilter }),
  ];
}

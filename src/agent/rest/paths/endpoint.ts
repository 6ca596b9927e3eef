import { jsonList } from '../json-list.ts';
import type { EndpointConfigurationSpec } from '../models/endpoint.ts';
import type { Route } from '../router.ts';
import type { DatapathView } from '../view/datapath-view.ts';
import type { EndpointView } from '../view/endpoint-view.ts';
import {
  endpointConfiguration,
  endpointHealth,
  endpointLabels,
  endpointModel,
  statusChange,
  surroundingsOf,
} from '../words/endpoint.ts';
import { endpointChangeRoutes } from './endpoint-changes.ts';
import { findEndpoint } from './endpoint-id.ts';
import { hasLabels, labelsOfBody } from './labels.ts';

export function endpointRoutes(view: DatapathView): Route[] {
  const one = (text: string | undefined) => findEndpoint(view, text ?? '');
  const read = <T>(path: string, of: (endpoint: EndpointView) => T): Route => ({
    method: 'GET',
    path,
    handle: ({ parameters }) => ({ body: of(one(parameters.id)) }),
  });
  return [
    {
      method: 'GET',
      path: '/endpoint',
      handle({ body }) {
        const labels = labelsOfBody(body);
        const all = [...view.endpoints()];
        const found = labels === undefined ? all : all.filter((endpoint) => hasLabels(endpoint.labels, labels));
        if (labels !== undefined && found.length === 0) return { status: 404 };
        const around = surroundingsOf(view);
        return { stream: jsonList(found, (endpoint) => endpointModel(endpoint, around)) };
      },
    },
    read('/endpoint/{id}', (endpoint) => endpointModel(endpoint, surroundingsOf(view))),
    read('/endpoint/{id}/config', (endpoint) => ({
      realized: endpointConfiguration(endpoint) satisfies EndpointConfigurationSpec,
      immutable: {},
      ...(endpoint.faults.length === 0 ? {} : { error: endpoint.faults.join('; ') }),
    })),
    read('/endpoint/{id}/labels', (endpoint) => ({
      spec: { user: endpoint.userLabels },
      status: endpointLabels(endpoint),
    })),
    read('/endpoint/{id}/log', (endpoint) => endpoint.log.map(statusChange)),
    read('/endpoint/{id}/healthz', endpointHealth),
    // Not of Cilium's API, where the CLI reads the kernel's map itself.
    read('/endpoint/{id}/policy', ({ policy }) => {
      const { revision, ingress, egress, audit } = policy;
      return { revision, ingress, egress, audit, entries: [...policy.counted()] };
    }),
    ...endpointChangeRoutes(view),
  ];
}

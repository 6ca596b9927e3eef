import { release } from 'node:os';
import type { Route } from '../router.ts';
import type { DatapathView } from '../view/datapath-view.ts';
import { endpointModel, surroundingsOf } from '../words/endpoint.ts';
import { policyRule } from '../words/policy-rule.ts';
import { statusResponse } from '../words/status.ts';

export function healthRoutes(view: DatapathView): Route[] {
  return [
    {
      method: 'GET',
      path: '/healthz',
      handle: ({ headers }) => ({ body: statusResponse(view, headers.brief === 'true') }),
    },
    {
      method: 'GET',
      path: '/debuginfo',
      handle() {
        const around = surroundingsOf(view);
        const { revision, rules } = view.policy();
        // Without the environment: it may hold secrets, and goes into tickets.
        return {
          body: {
            'cilium-version': `Sluice ${view.version}`,
            'kernel-version': release(),
            'cilium-status': statusResponse(view, false),
            'endpoint-list': [...view.endpoints()].map((endpoint) => endpointModel(endpoint, around)),
            policy: { revision, policy: JSON.stringify(rules.map(policyRule), null, 2) },
          },
        };
      },
    },
  ];
}

import { BadRequest, type Route } from '../router.ts';
import type { DatapathView } from '../view/datapath-view.ts';
import type { RuntimeConfig } from '../view/state-view.ts';
import { hostAddressing } from '../words/addressing.ts';
import { changeOf, optionsOf } from '../words/configuration.ts';
import { monitorStatus } from '../words/status.ts';

const enforcements = ['default', 'always', 'never'] as const;

export function configRoutes(view: DatapathView): Route[] {
  return [
    {
      method: 'GET',
      path: '/config',
      handle() {
        const { runtime, fixed } = view.config();
        const spec = { options: optionsOf(runtime), 'policy-enforcement': runtime.policyEnforcement };
        return {
          body: {
            spec,
            status: {
              realized: spec,
              immutable: fixed.flags,
              addressing: hostAddressing(view),
              ...(fixed.kubernetesEndpoint === undefined ? {} : { 'k8s-endpoint': fixed.kubernetesEndpoint }),
              nodeMonitor: monitorStatus(view.health().monitor),
              deviceMTU: fixed.deviceMtu,
              routeMTU: fixed.routeMtu,
              datapathMode: 'veth',
              'ipam-mode': fixed.ipamMode,
              masquerade: false,
              masqueradeProtocols: { ipv4: false, ipv6: false },
            },
          },
        };
      },
    },
    {
      method: 'PATCH',
      path: '/config',
      async handle({ body }) {
        await view.configure(changeOfBody(body));
        return {};
      },
    },
  ];
}

function changeOfBody(body: unknown): Partial<RuntimeConfig> {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new BadRequest('a configuration is an object with options and policy-enforcement');
  const { options = {}, 'policy-enforcement': enforcement, ...others } = body as Record<string, unknown>;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined)
    throw new BadRequest(`${unknown} is no part of a configuration; options and policy-enforcement are`);
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new BadRequest('options are an object of names and values');
  const change = changeOf(options as Record<string, unknown>);
  // Cilium's tools send an empty text for what stays as it is.
  if (enforcement === undefined || enforcement === '') return change;
  const policyEnforcement = enforcements.find((mode) => mode === enforcement);
  if (policyEnforcement === undefined)
    throw new BadRequest(`policy-enforcement is ${String(enforcement)}; it can be ${enforcements.join(', ')}`);
  return { ...change, policyEnforcement };
}

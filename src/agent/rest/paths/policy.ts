import type { Port } from '../models/endpoint.ts';
import type { Policy, PolicyTraceResult, TraceSelector } from '../models/state.ts';
import { BadRequest, type Route } from '../router.ts';
import type { DatapathView } from '../view/datapath-view.ts';
import type { TracePort } from '../view/policy-view.ts';
import { policyRule, ruleLabels } from '../words/policy-rule.ts';
import { traceText, traceVerdict } from '../words/trace-text.ts';
import { hasLabels, labelsOfBody } from './labels.ts';

/** Rules come from objects: one that was put here would be gone with the next start, and no object would say so. */
const onlyByObjects = {
  status: 501,
  body: 'rules are those of CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy and NetworkPolicy objects; apply one',
};

export function policyRoutes(view: DatapathView): Route[] {
  return [
    {
      method: 'GET',
      path: '/policy',
      handle({ body }) {
        const wanted = labelsOfBody(body);
        const { revision, rules } = view.policy();
        const found = rules.filter((rule) => wanted === undefined || hasLabels(ruleLabels(rule), wanted));
        if (wanted !== undefined && found.length === 0) return { status: 404 };
        return { body: { revision, policy: JSON.stringify(found.map(policyRule), null, 2) } satisfies Policy };
      },
    },
    { method: 'PUT', path: '/policy', handle: () => onlyByObjects },
    { method: 'DELETE', path: '/policy', handle: () => onlyByObjects },
    {
      method: 'GET',
      path: '/policy/selectors',
      handle: () => ({
        body: [...view.selectors()].map(({ selector, identities, users }) => ({ selector, identities, users })),
      }),
    },
    {
      method: 'GET',
      path: '/policy/resolve',
      handle({ body }) {
        const selector = (body ?? {}) as TraceSelector;
        const from = labelsOfBody(selector.from?.labels) ?? [];
        const to = labelsOfBody(selector.to?.labels) ?? [];
        if (from.length === 0 || to.length === 0)
          throw new BadRequest('from.labels and to.labels are needed: who sends, and who receives');
        const query = { from, to, ports: (selector.to?.dports ?? []).map(tracePort) };
        const steps = view.trace(query);
        return {
          body: {
            verdict: traceVerdict(steps),
            log: traceText(query, steps, selector.verbose === true),
          } satisfies PolicyTraceResult,
        };
      },
    },
  ];
}

function tracePort({ protocol, port, name }: Port): TracePort {
  const value = port === undefined || port === 0 ? name : port;
  if (value === undefined || (typeof value === 'number' && !(Number.isInteger(value) && value >= 0 && value <= 65_535)))
    throw new BadRequest('a port of dports has a number up to 65535, or a name');
  return { protocol: protocol ?? 'ANY', port: value };
}

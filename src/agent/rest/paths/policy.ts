import { parsePolicyRules } from '../../../api/index.ts';
import {
  boolean,
  defaulted,
  integer,
  list,
  object,
  oneOf,
  optional,
  required,
  string,
} from '../../../api/schema/index.ts';
import { equal } from '../../../lib/equal.ts';
import type { Policy, PolicyTraceResult } from '../models/state.ts';
import { BadRequest, parseJson, type Route } from '../router.ts';
import type { DatapathView } from '../view/datapath-view.ts';
import type { PolicyRuleView, TracePort } from '../view/policy-view.ts';
import { policyRule, ruleLabels, withoutName } from '../words/policy-rule.ts';
import { ruleJson } from '../words/rule-json.ts';
import { traceText, traceVerdict } from '../words/trace-text.ts';
import { hasLabels, labelsOfBody } from './labels.ts';
import { readBody, refusal } from './read-body.ts';

/**
 * Rules of objects, and those that this agent alone was given here. The latter are added by PUT, which never replaces any, and removed by
 * DELETE; the rules of an object change with their object.
 */
export function policyRoutes(view: DatapathView): Route[] {
  /** A Policy. */
  const answer = (rules: readonly PolicyRuleView[]): Policy => ({
    revision: view.policy().revision,
    policy: JSON.stringify(rules.map(policyRule), null, 2),
  });
  return [
    {
      method: 'GET',
      path: '/policy',
      handle({ body }) {
        const wanted = labelsOfBody(body);
        const { rules } = view.policy();
        const found = withLabels(rules, wanted);
        return wanted !== undefined && found.length === 0 ? { status: 404 } : { body: answer(found) };
      },
    },
    {
      method: 'PUT',
      path: '/policy',
      handle({ body }) {
        const written = rulesOfBody(body);
        view.localPolicies.add(written);
        const isNew = ({ kind, rule }: PolicyRuleView) =>
          kind === 'LocalPolicy' && written.some((one) => equal(rule, ruleJson(one.rule)));
        return { body: answer(view.policy().rules.filter(isNew)) };
      },
    },
    {
      method: 'DELETE',
      path: '/policy',
      handle({ body }) {
        const wanted = labelsOfBody(body);
        const found = withLabels(view.policy().rules, wanted);
        const own = found.filter(({ kind }) => kind === 'LocalPolicy');
        const [other] = found;
        if (wanted !== undefined && own.length === 0) {
          if (other === undefined) return { status: 404 };
          const { kind, namespace, name } = other;
          throw new BadRequest(
            `${wanted.join(' ')} is of ${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}: delete the object`,
          );
        }
        view.localPolicies.remove(new Set(own.map(({ name }) => name)));
        return { body: answer(view.policy().rules) };
      },
    },
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
        const { from, to, verbose = false } = readBody(traceSelector, body);
        const query = { from: from.labels, to: to.labels, ports: to.dports.map(tracePort) };
        const steps = view.trace(query);
        return {
          body: {
            verdict: traceVerdict(steps),
            log: traceText(query, steps, verbose),
          } satisfies PolicyTraceResult,
        };
      },
    },
  ];
}

const labels = list(string({ min: 1, max: 512 }), { min: 1, max: 256 });
const port = object({
  protocol: defaulted(oneOf('TCP', 'UDP', 'SCTP', 'ICMP', 'ICMPV6', 'ANY'), 'ANY'),
  port: optional(integer(0, 65_535)),
  name: optional(string({ max: 63 })),
});
type ReadPort = ReturnType<typeof port>;
/** A TraceSelector: who sends, who receives, and by which ports. */
const traceSelector = object({
  from: required(object({ labels: required(labels) })),
  to: required(object({ labels: required(labels), dports: defaulted(list(port, { max: 256 }), []) })),
  verbose: optional(boolean),
});

function withLabels(rules: readonly PolicyRuleView[], wanted: readonly string[] | undefined): PolicyRuleView[] {
  return rules.filter((rule) => wanted === undefined || hasLabels(ruleLabels(rule), wanted));
}

/** A list of rules; or, as Cilium's tools send it, a text that holds one. @throws BadRequest that names each field that is wrong */
function rulesOfBody(body: unknown) {
  const list = typeof body === 'string' ? parseJson(body) : body;
  const raws = Array.isArray(list) ? list.map(withoutName) : list;
  const { rules, diagnostics } = parsePolicyRules(raws);
  if (rules === undefined) throw refusal(diagnostics);
  return rules.map((rule, i) => ({ raw: (raws as unknown[])[i], rule }));
}

function tracePort({ protocol, port, name }: ReadPort): TracePort {
  const value = port === undefined || port === 0 ? name : port;
  if (value === undefined || value === '') throw new BadRequest('a port of dports has a number up to 65535, or a name');
  return { protocol, port: value };
}

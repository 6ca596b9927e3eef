import { parsePolicyRules } from '../../../api/index.ts';
import { equal } from '../../../lib/equal.ts';
import type { Port } from '../models/endpoint.ts';
import type { Policy, PolicyTraceResult, TraceSelector } from '../models/state.ts';
import { BadRequest, parseJson, type Route } from '../router.ts';
import type { DatapathView } from '../view/datapath-view.ts';
import type { PolicyRuleView, TracePort } from '../view/policy-view.ts';
import { policyRule, ruleLabels, withoutName } from '../words/policy-rule.ts';
import { ruleJson } from '../words/rule-json.ts';
import { traceText, traceVerdict } from '../words/trace-text.ts';
import { hasLabels, labelsOfBody } from './labels.ts';

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

function withLabels(rules: readonly PolicyRuleView[], wanted: readonly string[] | undefined): PolicyRuleView[] {
  return rules.filter((rule) => wanted === undefined || hasLabels(ruleLabels(rule), wanted));
}

/** A list of rules; or, as Cilium's tools send it, a text that holds one. @throws BadRequest that names each field that is wrong */
function rulesOfBody(body: unknown) {
  const list = typeof body === 'string' ? parseJson(body) : body;
  const raws = Array.isArray(list) ? list.map(withoutName) : list;
  const { rules, diagnostics } = parsePolicyRules(raws);
  if (rules === undefined) {
    const errors = diagnostics.filter(({ severity }) => severity === 'error');
    throw new BadRequest(
      errors.map(({ message, hint }) => (hint === undefined ? message : `${message} (${hint})`)).join('; '),
    );
  }
  return rules.map((rule, i) => ({ raw: (raws as unknown[])[i], rule }));
}

function tracePort({ protocol, port, name }: Port): TracePort {
  const value = port === undefined || port === 0 ? name : port;
  if (value === undefined || (typeof value === 'number' && !(Number.isInteger(value) && value >= 0 && value <= 65_535)))
    throw new BadRequest('a port of dports has a number up to 65535, or a name');
  return { protocol: protocol ?? 'ANY', port: value };
}

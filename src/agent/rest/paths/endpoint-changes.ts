import { explain, Fault } from '../../../lib/fault.ts';
import { BadRequest, type Call, type Reply, type Route } from '../router.ts';
import type { DatapathView } from '../view/datapath-view.ts';
import { isOn } from '../words/configuration.ts';
import { findEndpoint } from './endpoint-id.ts';
import { endpointOptionsOf, endpointRequestOf, userLabelsOf } from './endpoint-request.ts';

/** Options of one endpoint alone; the others are the node's. */
const auditOption = 'PolicyAuditMode';

/**
 * What Cilium's own plugins and commands do with endpoints: make one of an interface that they made themselves, change it, give it labels
 * and options, remove it. Endpoints of our CNI plugin take labels and options.
 */
export function endpointChangeRoutes(view: DatapathView): Route[] {
  const { endpointChanges: changes } = view;
  const route = (
    method: 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    change: (id: string, call: Call) => Promise<Reply> | Reply,
  ): Route => ({
    method,
    path,
    async handle(call) {
      try {
        return await change(call.parameters.id ?? '', call);
      } catch (error) {
        throw refusalOf(error) ?? error;
      }
    },
  });
  const idOf = (text: string) => findEndpoint(view, text).id;
  return [
    route('PUT', '/endpoint/{id}', async (text, { body }) => {
      const id = numberOf(text);
      const request = endpointRequestOf(body);
      if (id !== 0 && request.id !== 0 && request.id !== id)
        throw new BadRequest(`id is ${request.id}, and the path names endpoint ${id}`);
      await changes.create({ ...request, id: id || request.id });
      return { status: 201 };
    }),
    route('PATCH', '/endpoint/{id}', (text, { body }) => {
      const id = idOf(text);
      changes.change(id, endpointRequestOf(body));
      return {};
    }),
    route('DELETE', '/endpoint/{id}', (text) => {
      const problems = changes.remove(idOf(text));
      return problems.length === 0 ? {} : { status: 206, body: problems.length };
    }),
    route('PATCH', '/endpoint/{id}/labels', (text, { body }) => {
      const id = idOf(text);
      try {
        changes.setUserLabels(id, userLabelsOf(body));
        return {};
      } catch (error) {
        const refusal = error instanceof BadRequest ? error : refusalOf(error);
        // The description has no other answer for it, and clients show what stands in one that they know.
        throw refusal === undefined ? error : new BadRequest(refusal.message, 500);
      }
    }),
    route('PATCH', '/endpoint/{id}/config', (text, { body }) => {
      const id = idOf(text);
      const { options, userLabels } = endpointOptionsOf(body);
      const { [auditOption]: audit, ...others } = options;
      const [other] = Object.keys(others);
      if (other !== undefined)
        throw new BadRequest(
          `options.${other} is none of an endpoint alone; ${auditOption} is (others: PATCH /v1/config)`,
        );
      const isAudited = audit === undefined ? undefined : isOn(auditOption, audit);
      if (isAudited !== undefined) changes.setAudit(id, isAudited);
      if (userLabels !== undefined) changes.setUserLabels(id, userLabels);
      return {};
    }),
  ];
}

/** Of a PUT: an endpoint is made by its number, or by 0, which is any. */
function numberOf(text: string): number {
  const number = /^(?:cilium-local:)?(\d{1,5})$/.exec(text)?.[1];
  if (number === undefined || Number(number) > 65_535)
    throw new BadRequest(`${JSON.stringify(text)} is no id for a new endpoint: a number up to 65535 is, or 0 for any`);
  return Number(number);
}

/** What the caller did wrong; undefined: it was not the caller. */
function refusalOf(error: unknown): BadRequest | undefined {
  if (!(error instanceof Fault)) return undefined;
  if (error.code === 'ENDPOINT_EXISTS') return new BadRequest(explain(error), 409);
  return error.code === 'ENDPOINT_INVALID' ? new BadRequest(explain(error)) : undefined;
}

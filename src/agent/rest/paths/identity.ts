import { jsonList } from '../json-list.ts';
import { BadRequest, type Route } from '../router.ts';
import type { DatapathView } from '../view/datapath-view.ts';
import { identityModel } from '../words/identity.ts';
import { hasLabels, labelsOfBody } from './labels.ts';

export function identityRoutes(view: DatapathView): Route[] {
  return [
    {
      method: 'GET',
      path: '/identity',
      handle({ body }) {
        const wanted = labelsOfBody(body);
        const found = [...view.identities()].filter(({ labels }) => wanted === undefined || hasLabels(labels, wanted));
        if (wanted !== undefined && found.length === 0) return { status: 404 };
        return {
          stream: jsonList(
            found.sort((a, b) => a.id - b.id),
            identityModel,
          ),
        };
      },
    },
    {
      method: 'GET',
      path: '/identity/{id}',
      handle({ parameters: { id = '' } }) {
        if (!/^\d{1,10}$/.test(id) || Number(id) > 0xffff_ffff)
          throw new BadRequest(`${JSON.stringify(id)} is no identity: these are numbers`);
        const found = view.identity(Number(id));
        return found === undefined ? { status: 404 } : { body: identityModel(found) };
      },
    },
    {
      method: 'GET',
      path: '/identity/endpoints',
      handle() {
        const counts = new Map<number, number>();
        for (const { identity } of view.endpoints())
          if (identity !== undefined) counts.set(identity, (counts.get(identity) ?? 0) + 1);
        return {
          body: [...counts]
            .sort(([a], [b]) => a - b)
            .map(([id, refCount]) => ({
              identity: identityModel(view.identity(id) ?? { id, labels: [] }),
              refCount,
            })),
        };
      },
    },
  ];
}

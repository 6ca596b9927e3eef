import type { ClusterNodeStatus, NodeElement } from '../models/node.ts';
import { BadRequest, type Route } from '../router.ts';
import type { DatapathView } from '../view/datapath-view.ts';
import { nodeElement } from '../words/addressing.ts';

/** ms: a client that has not asked for so long is forgotten, as in Cilium's agent. */
const forgetAfter = 15 * 60_000;
/** Nobody has so many; a caller that never says who it is must not fill the memory. */
const mostClients = 100;

interface Client {
  asked: number;
  /** name -> element as JSON, as told last. */
  told: Map<string, string>;
}

/**
 * The nodes of the cluster. A client that says its id in the header `client-id` gets what changed since it asked last; id 0 asks
 * for one. Without, or with one that is not known (any more), all nodes are told.
 */
export function clusterNodeRoutes(view: DatapathView, now: () => number = () => performance.now()): Route[] {
  const clients = new Map<number, Client>();
  let last = 0;

  function forget(): void {
    for (const [id, { asked }] of clients) if (now() - asked > forgetAfter) clients.delete(id);
    // In order of asking: the first one is who waited longest.
    while (clients.size >= mostClients) clients.delete(clients.keys().next().value as number);
  }

  return [
    {
      method: 'GET',
      path: '/cluster/nodes',
      handle({ headers }) {
        const nodes = [...view.nodes()].map((node) => nodeElement(node, view.cluster));
        const self = `${view.cluster}/${view.node}`;
        const id = clientId(headers['client-id']);
        if (id === undefined)
          return { body: { self, 'nodes-added': nodes, 'nodes-removed': [] } satisfies ClusterNodeStatus };
        const known = clients.get(id);
        clients.delete(id);
        forget();
        const current = known === undefined ? ++last : id;
        const told = new Map(nodes.map((node) => [node.name, JSON.stringify(node)]));
        clients.set(current, { asked: now(), told });
        const before = known?.told ?? new Map<string, string>();
        return {
          body: {
            self,
            'client-id': current,
            'nodes-added': nodes.filter(({ name }) => before.get(name) !== told.get(name)),
            'nodes-removed': [...before]
              .filter(([name, element]) => told.get(name) !== element)
              .map(([, element]) => JSON.parse(element) as NodeElement),
          } satisfies ClusterNodeStatus,
        };
      },
    },
  ];
}

function clientId(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  if (typeof header !== 'string' || !/^\d{1,15}$/.test(header)) throw new BadRequest('client-id is a number');
  return Number(header);
}

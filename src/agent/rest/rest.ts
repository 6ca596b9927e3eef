import type { Log } from '../../lib/log.ts';
import { absentRoutes } from './paths/absent.ts';
import { clusterNodeRoutes } from './paths/cluster-nodes.ts';
import { configRoutes } from './paths/config.ts';
import { endpointRoutes } from './paths/endpoint.ts';
import { fqdnRoutes } from './paths/fqdn.ts';
import { healthRoutes } from './paths/health.ts';
import { identityRoutes } from './paths/identity.ts';
import { ipRoutes } from './paths/ip.ts';
import { ipamRoutes } from './paths/ipam.ts';
import { mapRoutes } from './paths/map.ts';
import { metricsRoutes } from './paths/metrics.ts';
import { monitorRoutes } from './paths/monitor.ts';
import { policyRoutes } from './paths/policy.ts';
import { createRouter, type RestListener, type Route } from './router.ts';
import type { DatapathView } from './view/datapath-view.ts';

/** The API's listener: for `serveApi` (the agent's own socket), and for `serveRest` (a socket where other tools look for one). */
export function createRest(view: DatapathView, log: Log): RestListener {
  return createRouter(restRoutes(view), log);
}

export function restRoutes(view: DatapathView): Route[] {
  return [
    ...absentRoutes(),
    ...clusterNodeRoutes(view),
    ...configRoutes(view),
    ...endpointRoutes(view),
    ...fqdnRoutes(view),
    ...healthRoutes(view),
    ...identityRoutes(view),
    ...ipRoutes(view),
    ...ipamRoutes(view),
    ...mapRoutes(view),
    ...metricsRoutes(view),
    ...monitorRoutes(view),
    ...policyRoutes(view),
  ];
}

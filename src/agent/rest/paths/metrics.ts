import type { Route } from '../router.ts';
import type { DatapathView } from '../view/datapath-view.ts';
import { parsePrometheus } from '../words/prometheus.ts';

export function metricsRoutes(view: DatapathView): Route[] {
  return [{ method: 'GET', path: '/metrics/', handle: async () => ({ body: parsePrometheus(await view.metrics()) }) }];
}

import type { Bench } from './bench.ts';
import { churn } from './cases/churn.ts';
import { clusterBurst } from './cases/cluster/burst.ts';
import { clusterDatapath } from './cases/cluster/datapath.ts';
import { clusterEdits } from './cases/cluster/edits.ts';
import { clusterOneMore } from './cases/cluster/one-more.ts';
import { clusterOutages } from './cases/cluster/outages.ts';
import { clusterScale } from './cases/cluster/scale.ts';
import { cni } from './cases/cni.ts';
import { coldStart } from './cases/cold-start.ts';
import { conformance } from './cases/conformance.ts';
import { datapath, datapathTunnel } from './cases/datapath.ts';
import { datapathPolicy } from './cases/datapath-policy.ts';
import { endpoint } from './cases/endpoint.ts';
import { events } from './cases/events.ts';
import { memory } from './cases/memory.ts';
import { oneMore } from './cases/one-more.ts';
import { policyEngine } from './cases/policy-engine.ts';
import { rejected } from './cases/rejected.ts';
import { routesObjects } from './cases/routes-objects.ts';
import { routesYaml } from './cases/routes-yaml.ts';
import { series } from './cases/series.ts';
import { throughput } from './cases/throughput.ts';
import { xds } from './cases/xds.ts';

/** Every bench, in the order in which they run and stand in RESULTS.md. */
export const benches: readonly Bench[] = [
  coldStart,
  routesYaml,
  routesObjects,
  oneMore,
  rejected,
  endpoint,
  memory,
  churn,
  throughput,
  series,
  xds,
  events,
  policyEngine,
  conformance,
  datapath,
  datapathTunnel,
  datapathPolicy,
  cni,
  clusterBurst,
  clusterOneMore,
  clusterEdits,
  clusterOutages,
  clusterScale,
  clusterDatapath,
];

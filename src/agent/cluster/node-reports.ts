import type { Diagnostic, ObjectRef } from '../../api/index.ts';
import type { KubeClient } from '../../kube/index.ts';
import type { Fault } from '../../lib/fault.ts';
import type { Log } from '../../lib/log.ts';
import type { Tables } from '../../mesh/inputs.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { Findings } from '../parts/findings.ts';
import type { Parts } from '../parts/parts.ts';
import { type NodeEvent, NodeEvents } from './node-events.ts';
import { RejectionPublisher } from './rejection-publisher.ts';

export interface NodeReportsOptions {
  readonly client: KubeClient;
  /** Name of the Node. */
  readonly node: string;
  /** Of the installation. */
  readonly namespace: string;
  readonly plane: ControlPlane;
  readonly findings: Findings;
  readonly log: Log;
}

export interface NodeReports {
  /** Those that there are now, of load balancers' addresses. */
  addressFaults(faults: readonly Fault[]): void;
}

/**
 * What this node alone knows, brought to those who must: what its Envoy refuses, as Events on the objects and as a report for the
 * operator; addresses that it cannot have, as an Event on the Node. Start it when Envoy has answered for the first time.
 */
export function startReports(parts: Parts, options: NodeReportsOptions): NodeReports {
  const { client, node, namespace, plane, findings, log } = options;
  const { diagnostics, table: rejections } = plane.rejections;
  const identify = (ref: ObjectRef) => identityOf(plane.tables, ref);
  const events = parts.add('events', new NodeEvents({ client, node, identify, log }));
  let faults: readonly Fault[] = [];
  const tell = () => events.stand([...refusals(diagnostics), ...faultEvents(node, faults)]);
  parts.add('refusals', { close: diagnostics.observe(tell) });
  tell();
  parts.add('report of refusals', new RejectionPublisher({ client, namespace, node, rejections, log }));
  return {
    addressFaults(found) {
      faults = found;
      findings.set('addresses', found.map(addressDiagnostic));
      tell();
    },
  };
}

function* refusals(diagnostics: { values(): Iterable<readonly Diagnostic[]> }): Iterable<NodeEvent> {
  for (const list of diagnostics.values())
    for (const { object, reason, message, hint } of list)
      if (object !== undefined) yield { object, reason, message: hint === undefined ? message : `${message}; ${hint}` };
}

function faultEvents(node: string, faults: readonly Fault[]): NodeEvent[] {
  const [first] = faults;
  if (first === undefined) return [];
  const more = faults.length === 1 ? '' : ` (and ${faults.length - 1} more)`;
  const message = `addresses of load balancers are not local to this node: ${first.message}${more}`;
  return [{ object: { group: '', kind: 'Node', name: node }, reason: 'AddressNotLocal', message }];
}

function addressDiagnostic({ message, hint }: Fault): Diagnostic {
  return { severity: 'error', reason: 'AddressNotLocal', message, ...(hint === undefined ? {} : { hint }) };
}

function identityOf(tables: Tables, ref: ObjectRef) {
  // Kubelets name themselves so, and `kubectl describe node` looks for that.
  if (ref.kind === 'Node') return { apiVersion: 'v1', uid: ref.name };
  if (!(ref.kind in tables)) return undefined;
  const table = tables[ref.kind as 'Ingress'];
  const object = table.get(ref.namespace === undefined ? ref.name : `${ref.namespace}/${ref.name}`);
  if (object === undefined) return undefined;
  const { apiVersion, metadata } = object;
  return { apiVersion, ...(metadata.uid === undefined ? {} : { uid: metadata.uid }) };
}

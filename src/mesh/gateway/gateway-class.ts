import { type GatewayClass, refOf } from '../../api/index.ts';
import type { DerivedCollection, Fetch, Store } from '../../store/index.ts';
import type { Tables } from '../inputs.ts';
import { condition, diagnosticOf, holds, type Problem } from './conditions.ts';
import { supportedFeatures } from './features.ts';
import { type Report, reportEntry } from './report.ts';

export const CONTROLLER_NAME = 'io.cilium/gateway-controller';
/** Ours even where no GatewayClass object says so: in a folder of YAML it would only be noise. */
export const CLASS_NAME = 'cilium';

export type ClassVerdict =
  | { readonly type: 'ours'; readonly problem?: Problem }
  | { readonly type: 'other' }
  /** There is no such GatewayClass. */
  | { readonly type: 'unknown' };

export function classOf(fetch: Fetch, tables: Tables, name: string): ClassVerdict {
  const found = fetch.get(tables.GatewayClass, name);
  if (found === undefined) return { type: name === CLASS_NAME ? 'ours' : 'unknown' };
  if (found.spec.controllerName !== CONTROLLER_NAME) return { type: 'other' };
  const problem = parametersProblem(found);
  if (problem === undefined) return { type: 'ours' };
  return {
    type: 'ours',
    problem: {
      reason: 'InvalidParameters',
      message: `GatewayClass ${name} is not accepted: ${problem.message}`,
      hint: 'remove parametersRef from the GatewayClass',
      field: 'spec.gatewayClassName',
    },
  };
}

function parametersProblem({ spec: { parametersRef: ref } }: GatewayClass): Problem | undefined {
  return ref === undefined
    ? undefined
    : {
        reason: 'InvalidParameters',
        message: `parametersRef names ${ref.kind} ${ref.name}, and classes take no parameters`,
        hint: 'remove parametersRef',
        field: 'spec.parametersRef',
      };
}

/** Status of each GatewayClass of our controller. Others are somebody else's, and none of our business. */
export function deriveClassReports(store: Store, tables: Tables): DerivedCollection<Report> {
  return store.derive<GatewayClass, Report>(tables.GatewayClass, {
    name: 'gateway.classes',
    map: (_fetch, object) => {
      if (object.spec.controllerName !== CONTROLLER_NAME) return [];
      const ref = refOf(object);
      const { generation } = object.metadata;
      const problem = parametersProblem(object);
      const conditions = [
        holds('Accepted', problem, generation, 'Accepted'),
        condition('SupportedVersion', 'True', 'SupportedVersion', 'releases 1.6 and 1.7 are read', generation),
      ];
      const features = supportedFeatures.map((name) => ({ name }));
      return reportEntry({
        status: { ref, value: { conditions, supportedFeatures: features } },
        diagnostics: problem === undefined ? [] : [diagnosticOf(ref, problem)],
        ref,
      });
    },
  });
}

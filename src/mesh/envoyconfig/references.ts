import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import type { CiliumEnvoyConfigSpec } from '../../api/index.ts';
import { type Context, closest } from '../../api/schema/index.ts';
import { missingCluster } from '../envoy/config.ts';
import { adminCluster, type Names } from './names.ts';
import type { JsonRecord } from './protojson.ts';

/** A Service, with one of its ports by number or name, or all: what `namespace/name` and `namespace/name:port` mean. */
export interface ServiceTarget {
  readonly service: string;
  readonly port?: string;
}

/** A Secret or ConfigMap of Kubernetes that SDS has to serve: `certificate` is a key pair, `trust` a bundle to check peers with. */
export interface SecretNeed {
  readonly type: 'certificate' | 'trust';
  /** The SDS name. */
  readonly name: string;
  readonly objects: readonly { readonly kind: 'Secret' | 'ConfigMap'; readonly key: string }[];
  /** Where it was asked for. */
  readonly field: string;
}

/**
 * The names that resources refer to each other by, made those that Envoy knows. A name that is none of this object's is
 * qualified all the same: so it leads nowhere, and never to what belongs to others.
 */
export class References {
  readonly names: Names;
  /** `namespace/name` of the Services that the object lists. */
  readonly #listed: ReadonlySet<string>;
  readonly #clusterwide: boolean;
  /** Clusters that routes name and nobody defined, for Services that the object lists. By qualified name. */
  readonly serviceClusters = new Map<string, ServiceTarget>();
  readonly secrets = new Map<string, SecretNeed>();
  admin = false;

  constructor(names: Names, spec: CiliumEnvoyConfigSpec, clusterwide: boolean) {
    this.names = names;
    const { services, backendServices } = spec;
    this.#listed = new Set([...services, ...backendServices].map((entry) => `${entry.namespace}/${entry.name}`));
    this.#clusterwide = clusterwide;
  }

  /** `warn` places the warning at the field that holds the name. */
  cluster(name: string, warn: Warn): string {
    // Cilium's own xDS cluster, in objects copied from a Cilium cluster: its ConfigSource becomes ours.
    if (name === '' || name === ciliumXds || name === missingCluster) return name;
    if (this.names.has('clusters', name)) return this.names.qualified(name);
    if (name === adminCluster || name === adminCluster.slice(1)) {
      if (this.#clusterwide) {
        this.admin = true;
        return adminCluster;
      }
      warn('AdminNotPermitted', `is ${name}, which only a CiliumClusterwideEnvoyConfig may use`, 'make it clusterwide');
      return this.names.qualified(name);
    }
    const target = serviceTarget(this.names.relative(name));
    const qualified = this.names.qualified(name);
    if (target !== undefined && this.#listed.has(target.service)) this.serviceClusters.set(qualified, target);
    else {
      const hint = () => {
        const near = closest(name, this.names.all('clusters'));
        if (near !== undefined) return `did you mean ${near}?`;
        return target === undefined
          ? 'define a Cluster of that name in this object: those of others are out of reach'
          : `add Service ${target.service} to backendServices, or define a Cluster of that name`;
      };
      warn('ClusterNotFound', `is ${JSON.stringify(name)}, and this object has no such cluster`, hint);
    }
    return qualified;
  }

  route(name: string, warn: Warn): string {
    if (name !== '' && !this.names.has('routes', name)) {
      warn(
        'RouteConfigurationNotFound',
        `is ${JSON.stringify(name)}, and this object has no such RouteConfiguration`,
        () => {
          const near = closest(name, this.names.all('routes'));
          return near === undefined ? 'define it in this object' : `did you mean ${near}?`;
        },
      );
    }
    return name && this.names.qualified(name);
  }
}

export const ciliumXds = 'xds-grpc-cilium';

/** A hint that takes looking for is made only where it will be read. */
export type Warn = (reason: string, text: string, hint?: string | (() => string)) => void;

export function warnAt(context: Context, ...below: (string | number)[]): Warn {
  return (reason, text, hint) =>
    context.warning(reason, text, typeof hint === 'function' ? (context.full ? undefined : hint()) : hint, below);
}

const serviceName =
  /^([a-z0-9]([-a-z0-9]*[a-z0-9])?)\/([a-z0-9]([-a-z0-9]*[a-z0-9])?)(?::([a-z0-9]([-a-z0-9]*[a-z0-9])?))?$/;

/** `namespace/name` or `namespace/name:port`. */
export function serviceTarget(name: string): ServiceTarget | undefined {
  if (name.length > 200) return undefined;
  const match = serviceName.exec(name);
  if (match === null) return undefined;
  const service = `${match[1]}/${match[3]}`;
  return match[5] === undefined ? { service } : { service, port: match[5] };
}

/** String fields that name a cluster, in whatever filter or extension they stand. */
const clusterField =
  /^(cluster|clusters|cluster_name|cluster_names|collector_cluster|default_cluster|tcp_cluster_name|upstream_cluster)$/;
/** Here a field of such a name means something else. */
const notClusters = new Set([
  'envoy.config.core.v3.Node',
  'envoy.config.endpoint.v3.ClusterLoadAssignment',
  'envoy.config.endpoint.v3.ClusterStats',
]);

const clusterFields = new WeakMap<DescMessage, readonly DescField[]>();

/** The fields of a message that hold names of clusters: one rule for all of Envoy's types, those yet to come included. */
function clusterFieldsOf(desc: DescMessage): readonly DescField[] {
  let fields = clusterFields.get(desc);
  if (fields === undefined) {
    fields = notClusters.has(desc.typeName)
      ? []
      : desc.fields.filter(
          (field) =>
            (field.fieldKind === 'scalar' || field.fieldKind === 'list') &&
            field.scalar === ScalarType.STRING &&
            (clusterField.test(field.name) ||
              (field.name === 'name' && desc.typeName.endsWith('.WeightedCluster.ClusterWeight'))),
        );
    clusterFields.set(desc, fields);
  }
  return fields;
}

export function qualifyClusters(
  desc: DescMessage,
  message: JsonRecord,
  references: References,
  context: Context,
): void {
  for (const { name } of clusterFieldsOf(desc)) {
    const value = message[name];
    if (typeof value === 'string') message[name] = references.cluster(value, warnAt(context, name));
    else if (Array.isArray(value))
      message[name] = value.map((item, i) => references.cluster(item as string, warnAt(context, name, i)));
  }
}

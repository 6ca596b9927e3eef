import { createHash } from 'node:crypto';

/** A Service manifest as the API server takes it: it has no selector, for Envoy listens on its address. */
export interface LoadBalancerService {
  readonly apiVersion: 'v1';
  readonly kind: 'Service';
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly {
      readonly apiVersion: string;
      readonly kind: string;
      readonly name: string;
      readonly uid: string;
      readonly controller: true;
    }[];
  };
  readonly spec: {
    readonly type: 'LoadBalancer' | 'NodePort';
    readonly ports: readonly {
      readonly name: string;
      readonly protocol: 'TCP' | 'UDP';
      readonly port: number;
      readonly nodePort?: number;
    }[];
    readonly externalTrafficPolicy: 'Cluster' | 'Local';
    readonly loadBalancerClass?: string;
    /** False: node ports would lead nowhere, and there are some thousand of them in a cluster. */
    readonly allocateLoadBalancerNodePorts?: false;
  };
}

/** Names of Services are DNS labels (RFC 1123); values of labels are as long. */
const maxLength = 63;

/** `PREFIX-NAME`; an object's name may be longer than a Service's, or have dots: then a hash keeps it unique. */
export function serviceNameFor(prefix: string, owner: { readonly namespace: string; readonly name: string }): string {
  const full = `${prefix}-${owner.name}`;
  return full.includes('.') ? shortened(full, owner) : labelValueFor(full, owner);
}

/** The text itself where it fits into a label's value. */
export function labelValueFor(text: string, owner: { readonly namespace: string; readonly name: string }): string {
  return text.length <= maxLength ? text : shortened(text, owner);
}

function shortened(text: string, { namespace, name }: { readonly namespace: string; readonly name: string }): string {
  const hash = createHash('sha256').update(`${namespace}/${name}`).digest('hex').slice(0, 10);
  return `${text.replaceAll('.', '-').slice(0, maxLength - hash.length - 1)}-${hash}`;
}

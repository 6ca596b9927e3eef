import type { EndpointState as OwnState } from '../../../api/index.ts';
import type { NodeAddressing } from './node.ts';

/** The API has no word for one that is being made. */
export type EndpointState = Exclude<OwnState, 'creating'>;

/** Shapes of the API's answers, named and spelled as in its OpenAPI description. Only what is answered here. */
export interface Endpoint {
  readonly id: number;
  readonly spec: EndpointConfigurationSpec;
  readonly status: EndpointStatus;
}

export interface EndpointStatus {
  readonly state: EndpointState;
  readonly 'external-identifiers': {
    readonly 'container-id'?: string;
    readonly 'container-name'?: string;
    readonly 'docker-endpoint-id'?: string;
    readonly 'docker-network-id'?: string;
    readonly 'pod-name'?: string;
    readonly 'k8s-pod-name'?: string;
    readonly 'k8s-namespace'?: string;
  };
  readonly identity?: Identity;
  readonly labels: LabelConfigurationStatus;
  readonly realized: EndpointConfigurationSpec;
  readonly networking: {
    readonly addressing: readonly AddressPair[];
    readonly 'host-addressing': NodeAddressing;
    readonly 'host-mac'?: string;
    readonly mac?: string;
    readonly 'interface-name'?: string;
    readonly 'interface-index'?: number;
  };
  readonly policy: { readonly spec: EndpointPolicy; readonly realized: EndpointPolicy };
  readonly log: readonly EndpointStatusChange[];
  readonly health: EndpointHealth;
  readonly namedPorts: readonly Port[];
}

export interface EndpointConfigurationSpec {
  readonly 'label-configuration': LabelConfigurationSpec;
  readonly options: ConfigurationMap;
}

export type ConfigurationMap = Readonly<Record<string, string>>;

export interface LabelConfigurationSpec {
  readonly user: readonly string[];
}

export interface LabelConfigurationStatus {
  readonly realized: LabelConfigurationSpec;
  readonly 'security-relevant': readonly string[];
  readonly derived: readonly string[];
  readonly disabled: readonly string[];
}

export type EndpointHealthStatus = 'OK' | 'Bootstrap' | 'Pending' | 'Warning' | 'Failure' | 'Disabled';

export interface EndpointHealth {
  readonly overallHealth: EndpointHealthStatus;
  readonly bpf: EndpointHealthStatus;
  readonly policy: EndpointHealthStatus;
  readonly connected: boolean;
}

export interface EndpointStatusChange {
  readonly timestamp: string;
  readonly code: 'ok' | 'failed';
  readonly message: string;
  readonly state: EndpointState;
}

export type EndpointPolicyEnabled =
  | 'none'
  | 'ingress'
  | 'egress'
  | 'both'
  | 'audit-ingress'
  | 'audit-egress'
  | 'audit-both';

export interface EndpointPolicy {
  readonly 'policy-revision': number;
  readonly id?: number;
  readonly 'policy-enabled': EndpointPolicyEnabled;
  readonly 'allowed-ingress-identities': readonly number[];
  readonly 'denied-ingress-identities': readonly number[];
  readonly 'allowed-egress-identities': readonly number[];
  readonly 'denied-egress-identities': readonly number[];
  readonly l4: DirectionRules;
  readonly 'cidr-policy': DirectionRules;
}

export interface DirectionRules {
  readonly ingress: readonly PolicyRule[];
  readonly egress: readonly PolicyRule[];
}

export interface PolicyRule {
  /** JSON */
  readonly rule: string;
  readonly 'derived-from-rules': readonly (readonly string[])[];
}

export interface AddressPair {
  readonly ipv4?: string;
  readonly ipv6?: string;
}

export interface Identity {
  readonly id: number;
  readonly labels: readonly string[];
  readonly labelsSHA256: string;
}

export interface IdentityEndpoints {
  readonly identity: Identity;
  readonly refCount: number;
}

export interface Port {
  readonly protocol: 'TCP' | 'UDP' | 'ICMP' | 'ICMPV6' | 'ANY';
  readonly port?: number;
  readonly name?: string;
}

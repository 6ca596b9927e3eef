/** `rbac.authorization.k8s.io/v1`, as far as it is compared. */
export interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
}

export interface Role {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules: readonly Rule[];
}

/** One request, as the API server's audit log has it. */
export interface AuditedRequest {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly requestURI: string;
  readonly objectRef?: {
    readonly resource?: string;
    readonly subresource?: string;
    readonly apiGroup?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code?: number };
}

/** One thing that a role allows: a verb on a resource, in a namespace or everywhere, perhaps of one name. */
interface Grant {
  readonly role: string;
  readonly verb: string;
  readonly group: string;
  /** `services`, `services/status`. */
  readonly resource: string;
  readonly name?: string;
  readonly namespace?: string;
}

export interface RbacUsage {
  /** What was asked for and is not granted: the roles are too small. */
  readonly notGranted: readonly string[];
  /** What is granted and was never asked for: the roles are too large. */
  readonly unused: readonly string[];
}

/** What Kubernetes lets everybody ask who has a name: its roles system:discovery and system:public-info-viewer. */
const FOR_EVERYBODY = /^\/(?:api|apis|openapi|healthz|livez|readyz|version)(?:[/?]|$)/;

/**
 * Holds the roles of one service account against what it did ask the API server for. What was refused counts as asked for:
 * it is needed, or should not be asked.
 */
export function rbacUsage(requests: Iterable<AuditedRequest>, account: string, roles: readonly Role[]): RbacUsage {
  const grants = roles.flatMap(grantsOf);
  const used = new Set<Grant>();
  const notGranted = new Set<string>();
  for (const request of withCreations(requests)) {
    if (request.user.username !== account) continue;
    const { objectRef } = request;
    if (objectRef?.resource === undefined) {
      if (!FOR_EVERYBODY.test(request.requestURI)) notGranted.add(`${request.verb} ${request.requestURI}`);
      continue;
    }
    const fitting = grants.filter((grant) => allows(grant, request));
    if (fitting.length === 0) notGranted.add(describe(asked(request)));
    for (const grant of fitting) used.add(grant);
  }
  const unused = grants.filter((grant) => !used.has(grant)).map((grant) => `${grant.role}: ${describe(grant)}`);
  return { notGranted: [...notGranted].sort(), unused: [...new Set(unused)].sort() };
}

/** A server-side apply of what is not there yet is a patch that has to be allowed to create as well. */
function* withCreations(requests: Iterable<AuditedRequest>): Generator<AuditedRequest> {
  for (const request of requests) {
    yield request;
    if (request.responseStatus?.code === 201 && request.verb !== 'create') yield { ...request, verb: 'create' };
  }
}

function grantsOf({ kind, metadata, rules }: Role): Grant[] {
  const namespace = kind === 'Role' ? { namespace: metadata.namespace ?? 'default' } : {};
  return rules.flatMap(({ apiGroups = [], resources = [], resourceNames = [], verbs }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        verbs.flatMap((verb): Grant[] => {
          const grant = { role: `${kind} ${metadata.name}`, verb, group, resource, ...namespace };
          return resourceNames.length === 0 ? [grant] : resourceNames.map((name) => ({ ...grant, name }));
        }),
      ),
    ),
  );
}

function allows(grant: Grant, request: AuditedRequest): boolean {
  const { verb, group, resource, namespace, name } = asked(request);
  return (
    [verb, '*'].includes(grant.verb) &&
    [group, '*'].includes(grant.group) &&
    [resource, '*'].includes(grant.resource) &&
    (grant.namespace === undefined || grant.namespace === namespace) &&
    (grant.name === undefined || grant.name === name)
  );
}

function asked({ verb, objectRef = {} }: AuditedRequest): Omit<Grant, 'role'> {
  const { resource = '', subresource, apiGroup = '', namespace, name } = objectRef;
  return {
    verb,
    group: apiGroup,
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
  };
}

/** `watch services`, `get leases.coordination.k8s.io/sluice-operator in kube-system`. */
function describe({ verb, group, resource, namespace, name }: Omit<Grant, 'role'>): string {
  const dot = group === '' ? '' : `.${group}`;
  return `${verb} ${resource}${dot}${name === undefined ? '' : ` ${name}`}${namespace === undefined ? '' : ` in ${namespace}`}`;
}

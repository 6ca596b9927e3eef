import type { BackendTLSPolicy } from '../gateway.ts';
import {
  type Context,
  check,
  DNS_SUBDOMAIN,
  defaulted,
  HOSTNAME_OR_WILDCARD,
  list,
  map,
  object,
  oneOf,
  optional,
  pattern,
  QUALIFIED_KEY,
  record,
  required,
  skipped,
  string,
} from '../schema/index.ts';
import { group, kind, localReference, namespaceName, normalised, objectName, sectionName } from './reference.ts';

/* ReferenceGrant and BackendTLSPolicy: what grants and demands, rather than routes. */

export const referenceGrantBody = object({
  spec: required(
    object({
      from: required(
        list(
          map(object({ group: required(group), kind: required(kind), namespace: required(namespaceName) }), normalised),
          { min: 1, max: 16 },
        ),
      ),
      to: required(
        list(object({ group: required(group), kind: required(kind), name: optional(objectName) }), { min: 1, max: 16 }),
      ),
    }),
  ),
  status: skipped,
});

const targetRef = object({
  group: required(group),
  kind: required(kind),
  name: required(objectName),
  sectionName: optional(sectionName),
});

type Target = ReturnType<typeof targetRef>;

const targetRefs = check(list(targetRef, { min: 1, max: 16 }), (refs, context) => {
  const seen = new Map<string, Set<string | undefined>>();
  for (const [i, ref] of refs.entries()) checkTarget(ref, i, seen, context);
});

function checkTarget(ref: Target, i: number, seen: Map<string, Set<string | undefined>>, context: Context): void {
  const target = `${ref.group}/${ref.kind}/${ref.name}`;
  const sections = seen.get(target) ?? new Set();
  seen.set(target, sections);
  if (sections.has(ref.sectionName))
    context.error('DuplicateValue', `repeats the reference to ${ref.kind} ${ref.name}`, 'remove it', [i]);
  else if (sections.size > 0 && (sections.has(undefined) || ref.sectionName === undefined))
    context.error(
      'InvalidValue',
      `refers to ${ref.kind} ${ref.name} again, once with and once without sectionName`,
      'give every reference to the same object a sectionName',
      [i],
    );
  sections.add(ref.sectionName);
}

const URI = pattern(
  'an absolute URI, as in spiffe://example.com/shop',
  '[^:/?#]+:(?:\\/\\/[^/?#]*)?[^?#]*(?:\\?[^#]*)?(?:#.*)?',
);
const WELL_KNOWN = pattern(
  'System or a domain-prefixed name',
  '(?:System|[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?\\/[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)',
);

const subjectAltName = check(
  object({
    type: required(oneOf('Hostname', 'URI')),
    hostname: optional(string({ min: 1, max: 253, format: HOSTNAME_OR_WILDCARD })),
    uri: optional(string({ min: 1, max: 253, format: URI })),
  }),
  ({ type, hostname, uri }, context) => {
    const [wanted, other] = type === 'Hostname' ? (['hostname', 'uri'] as const) : (['uri', 'hostname'] as const);
    if ((type === 'Hostname' ? hostname : uri) === undefined)
      context.error('MissingField', 'is missing', `type ${type} needs it`, [wanted]);
    if ((type === 'Hostname' ? uri : hostname) !== undefined)
      context.error('InvalidValue', `does not belong to type ${type}`, 'remove it, or change type', [other]);
  },
);

const validation = check(
  object({
    caCertificateRefs: defaulted(list(localReference, { max: 8 }), []),
    wellKnownCACertificates: optional(string({ min: 1, max: 253, format: WELL_KNOWN })),
    hostname: required(string({ min: 1, max: 253, format: DNS_SUBDOMAIN })),
    subjectAltNames: defaulted(list(subjectAltName, { max: 5 }), []),
  }),
  ({ caCertificateRefs, wellKnownCACertificates }, context) => {
    if (caCertificateRefs.length > 0 === (wellKnownCACertificates !== undefined))
      context.error(
        'InvalidValue',
        `has ${caCertificateRefs.length > 0 ? 'both' : 'neither'} caCertificateRefs ${caCertificateRefs.length > 0 ? 'and' : 'nor'} wellKnownCACertificates`,
        'set exactly one of the two',
      );
  },
);

type Policy = BackendTLSPolicy['spec'];

export const backendTlsPolicyBody = object({
  spec: required<Policy>(
    object({
      targetRefs: required(targetRefs),
      validation: required(validation),
      options: defaulted(record(string({ max: 4096 }), { max: 16, key: string({ format: QUALIFIED_KEY }) }), {}),
    }),
  ),
  status: skipped,
});

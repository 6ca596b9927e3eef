import { isIP } from 'node:net';
import type { SessionPersistence } from '../route.ts';
import {
  type Context,
  check,
  defaulted,
  duration,
  HEADER_NAME,
  HOSTNAME_OR_WILDCARD,
  list,
  map,
  object,
  oneOf,
  optional,
  required,
  type Schema,
  skipped,
  string,
} from '../schema/index.ts';
import { checkBackendPort, parentReference, sectionName, weightedBackendFields } from './reference.ts';

type Parent = ReturnType<typeof parentReference>;

const parentRefs = check(list(parentReference, { max: 32 }), (refs, context) => {
  if (refs.length < 2) return;
  const byTarget = new Map<string, Parent[]>();
  refs.forEach((ref, i) => {
    const target = `${ref.group}/${ref.kind}/${ref.namespace ?? ''}/${ref.name}`;
    const others = byTarget.get(target) ?? [];
    for (const other of others) checkPair(ref, other, i, context);
    byTarget.set(target, [...others, ref]);
  });
});

/** Two references to one parent have to be told apart, and in the same way. */
function checkPair(a: Parent, b: Parent, i: number, context: Context): void {
  const sameForm =
    (a.sectionName === undefined) === (b.sectionName === undefined) &&
    (a.port === undefined) === (b.port === undefined);
  if (!sameForm)
    context.error(
      'InvalidValue',
      `refers to ${a.kind} ${a.name} again, with other fields`,
      'give every reference to the same parent a sectionName, or every one a port',
      [i],
    );
  else if (a.sectionName === b.sectionName && a.port === b.port)
    context.error('DuplicateValue', `repeats the reference to ${a.kind} ${a.name}`, 'remove it', [i]);
}

export const commonFields = {
  parentRefs: defaulted(parentRefs, []),
  useDefaultGateways: defaulted(oneOf('All', 'None'), 'None'),
} as const;

export const hostname = string({ min: 1, max: 253, format: HOSTNAME_OR_WILDCARD });
export const hostnames = defaulted(list(hostname, { max: 16 }), []);

export const uniqueRuleNames = (rules: readonly { readonly name?: string }[], context: Context): void => {
  const seen = new Set<string>();
  rules.forEach(({ name }, i) => {
    if (name === undefined) return;
    if (seen.has(name)) context.error('DuplicateValue', `repeats the name ${name}`, 'rename the rule', [i, 'name']);
    seen.add(name);
  });
};

const sessionHeader = string({ min: 1, max: 256, format: HEADER_NAME });
const lifetimeType = defaulted(oneOf('Session', 'Permanent'), 'Session');

/** Release 1.6 spells it `sessionName` and `cookieConfig`, 1.7 `cookie` and `header`; not both. */
export const sessionPersistence: Schema<SessionPersistence> = map(
  object({
    type: defaulted(oneOf('Cookie', 'Header'), 'Cookie'),
    absoluteTimeout: optional(duration),
    sessionName: optional(string({ max: 128 })),
    cookieConfig: optional(object({ lifetimeType })),
    cookie: optional(
      object({ name: optional(sessionHeader), lifetimeType, path: defaulted(string({ max: 1024 }), '/') }),
    ),
    header: optional(object({ name: required(sessionHeader) })),
  }),
  (read, context): SessionPersistence => {
    const { type, absoluteTimeout, cookieConfig, cookie, header } = read;
    if ((cookieConfig ?? read.sessionName) !== undefined && (cookie ?? header) !== undefined)
      context.error(
        'InvalidValue',
        'mixes two spellings',
        'use either sessionName and cookieConfig, or cookie and header',
      );
    for (const [name, given, belongsTo] of [
      ['cookieConfig', cookieConfig, 'Cookie'],
      ['cookie', cookie, 'Cookie'],
      ['header', header, 'Header'],
    ] as const)
      if (given !== undefined && type !== belongsTo)
        context.error('InvalidValue', `does not belong to type ${type}`, 'remove it, or change type', [name]);
    const lifetime = (cookie ?? cookieConfig)?.lifetimeType ?? 'Session';
    if (lifetime === 'Permanent' && absoluteTimeout === undefined)
      context.error('MissingField', 'is missing', 'a permanent cookie needs it', ['absoluteTimeout']);
    const sessionName = cookie?.name ?? header?.name ?? read.sessionName;
    return {
      type,
      ...(sessionName ? { sessionName } : {}),
      ...(absoluteTimeout === undefined ? {} : { absoluteTimeout }),
      ...(type === 'Cookie'
        ? { cookie: { lifetimeType: lifetime, ...(cookie === undefined ? {} : { path: cookie.path }) } }
        : {}),
    };
  },
);

const backendRef = check(object(weightedBackendFields), checkBackendPort);

const l4Rules = (max: number) =>
  check(
    list(object({ name: optional(sectionName), backendRefs: required(list(backendRef, { min: 1, max: 16 })) }), {
      min: 1,
      max,
    }),
    uniqueRuleNames,
  );

/** `v1` takes one rule, `v1alpha2` up to 16. */
export const l4RouteBody = (version: 'v1' | 'v1alpha2') =>
  object({
    spec: required(object({ ...commonFields, rules: required(l4Rules(version === 'v1' ? 1 : 16)) })),
    status: skipped,
  });

const sniHostname = check(hostname, (name, context) => {
  if (isIP(name) !== 0) context.error('InvalidValue', `is the IP address ${name}`, 'SNI carries DNS names only');
});

/** From `v1alpha3` on hostnames are required and may not be addresses, and there is one rule. */
export const tlsRouteBody = (version: 'v1' | 'v1alpha2') =>
  object({
    spec: required(
      version === 'v1'
        ? object({
            ...commonFields,
            hostnames: required(list(sniHostname, { min: 1, max: 1024 })),
            rules: required(l4Rules(1)),
          })
        : object({
            ...commonFields,
            hostnames: defaulted(list(hostname, { max: 1024 }), []),
            rules: required(l4Rules(16)),
          }),
    ),
    status: skipped,
  });

import type { GrpcMethodMatch, GrpcRouteMatch } from '../route.ts';
import {
  check,
  defaulted,
  list,
  map,
  object,
  oneOf,
  optional,
  required,
  type Schema,
  show,
  skipped,
  string,
} from '../schema/index.ts';
import { checkBackendPort, sectionName, weightedBackendFields } from './reference.ts';
import { commonFields, hostnames, sessionPersistence, uniqueRuleNames } from './route.ts';
import { firstOfEachName, grpcFilters, headerName } from './route-filter.ts';

const SERVICE = /^\.?[a-z_][a-z_0-9]*(?:\.[a-z_][a-z_0-9]*)*$/i;
const METHOD = /^[A-Za-z_][A-Za-z_0-9]*$/;

const matchType = defaulted(oneOf('Exact', 'RegularExpression'), 'Exact');

const method: Schema<GrpcMethodMatch> = check(
  object({ type: matchType, service: optional(string({ max: 1024 })), method: optional(string({ max: 1024 })) }),
  ({ type, service, method }, context) => {
    if (service === undefined && method === undefined)
      context.error('MissingField', 'has neither service nor method', 'give one of them, or both');
    if (type !== 'Exact') return;
    if (service !== undefined && !SERVICE.test(service))
      context.error('InvalidValue', `is ${show(service)}`, 'it must be a full service name, as in shop.v1.Cart', [
        'service',
      ]);
    if (method !== undefined && !METHOD.test(method))
      context.error('InvalidValue', `is ${show(method)}`, 'it must be a method name, as in AddItem', ['method']);
  },
);

const match: Schema<GrpcRouteMatch> = object({
  method: optional(method),
  headers: defaulted(
    map(
      list(object({ type: matchType, name: required(headerName), value: required(string({ min: 1, max: 4096 })) }), {
        max: 16,
        unique: { what: 'name', key: (item) => item.name },
      }),
      firstOfEachName,
    ),
    [],
  ),
});

const backendRef = check(object({ ...weightedBackendFields, filters: defaulted(grpcFilters, []) }), checkBackendPort);

const MAX_MATCHES = 128;

export const grpcRouteBody = object({
  spec: required(
    object({
      ...commonFields,
      hostnames,
      rules: defaulted(
        check(
          list(
            object({
              name: optional(sectionName),
              matches: defaulted(list(match, { max: 64 }), []),
              filters: defaulted(grpcFilters, []),
              backendRefs: defaulted(list(backendRef, { max: 16 }), []),
              sessionPersistence: optional(sessionPersistence),
            }),
            { max: 16 },
          ),
          (rules, context) => {
            uniqueRuleNames(rules, context);
            const total = rules.reduce((sum, { matches }) => sum + matches.length, 0);
            if (total > MAX_MATCHES)
              context.error('InvalidValue', `have ${total} matches together`, `use at most ${MAX_MATCHES} a route`);
          },
        ),
        [],
      ),
    }),
  ),
  status: skipped,
});

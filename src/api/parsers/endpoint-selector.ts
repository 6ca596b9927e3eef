import type { EndpointSelector, LabelRequirement } from '../cilium-policy.ts';
import {
  type Context,
  check,
  defaulted,
  type Format,
  LABEL_VALUE,
  list,
  map,
  object,
  oneOf,
  pattern,
  QUALIFIED_KEY,
  record,
  required,
  type Schema,
  string,
} from '../schema/index.ts';

const SOURCE = pattern('', '[a-zA-Z][-a-zA-Z0-9]{0,62}');

/** `app`, `example.com/app`, and with a source in front: `k8s:app`, `reserved:host`. */
export const SOURCED_KEY: Format = {
  is: 'a label such as app or example.com/app, which a source and : may precede, as in k8s:app',
  test: (text) => {
    const colon = text.indexOf(':');
    return colon < 0
      ? QUALIFIED_KEY.test(text)
      : SOURCE.test(text.slice(0, colon)) && QUALIFIED_KEY.test(text.slice(colon + 1));
  },
};

const key = string({ format: SOURCED_KEY });
const value = string({ max: 63, format: LABEL_VALUE });

const expression = check(
  object({
    key: required(key),
    operator: required(oneOf('In', 'NotIn', 'Exists', 'DoesNotExist')),
    values: defaulted(list(value), []),
  }),
  checkValues,
);

function checkValues(
  { operator, values }: { readonly operator: string; readonly values: readonly string[] },
  context: Context,
): void {
  const takesValues = operator === 'In' || operator === 'NotIn';
  if (takesValues && values.length === 0)
    context.error('MissingField', `is needed with operator ${operator}`, 'list the values', ['values']);
  if (!takesValues && values.length > 0)
    context.error('InvalidValue', `must be empty with operator ${operator}`, 'remove it', ['values']);
}

/** A LabelSelector whose keys may have sources, in canonical form. */
export const endpointSelector: Schema<EndpointSelector> = map(
  object({
    matchLabels: defaulted(record(value, { key }), {}),
    matchExpressions: defaulted(list(expression), []),
  }),
  ({ matchLabels, matchExpressions }) =>
    canonical([
      ...Object.entries(matchLabels).map(([name, each]) => requirement(name, 'In', [each])),
      ...matchExpressions.map(({ key: name, operator, values }) => requirement(name, operator, values)),
    ]),
);

function requirement(
  name: string,
  operator: LabelRequirement['operator'],
  values: readonly string[],
): LabelRequirement {
  const colon = name.indexOf(':');
  const sorted = values.length < 2 ? values : [...new Set(values)].sort();
  return { source: colon < 0 ? 'any' : name.slice(0, colon), key: name.slice(colon + 1), operator, values: sorted };
}

function canonical(requirements: readonly LabelRequirement[]): EndpointSelector {
  if (requirements.length < 2) return requirements;
  const byText = new Map(requirements.map((each) => [textOf(each), each]));
  return [...byText.keys()].sort().map((text) => byText.get(text) as LabelRequirement);
}

/** Equal for equal requirements alone: a NUL stands in none of the parts. */
const textOf = ({ key, source, operator, values }: LabelRequirement): string =>
  [key, source, operator, ...values].join('\0');

import type { LabelSelector } from '../core.ts';
import {
  check,
  defaulted,
  list,
  object,
  oneOf,
  QUALIFIED_KEY,
  required,
  type Schema,
  string,
  stringRecord,
} from '../schema/index.ts';

/** `metav1.LabelSelector`. */
export const labelSelector: Schema<LabelSelector> = object({
  matchLabels: defaulted(stringRecord, {}),
  matchExpressions: defaulted(
    list(
      check(
        object({
          key: required(string({ min: 1, format: QUALIFIED_KEY })),
          operator: required(oneOf('In', 'NotIn', 'Exists', 'DoesNotExist')),
          values: defaulted(list(string()), []),
        }),
        ({ operator, values }, context) => {
          const takesValues = operator === 'In' || operator === 'NotIn';
          if (takesValues && values.length === 0)
            context.error('MissingField', `is needed with operator ${operator}`, 'list the values', ['values']);
          if (!takesValues && values.length > 0)
            context.error('InvalidValue', `must be empty with operator ${operator}`, 'remove it', ['values']);
        },
      ),
    ),
    [],
  ),
});

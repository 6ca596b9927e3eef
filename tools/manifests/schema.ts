// Structural schemas (apiextensions.k8s.io/v1): the part of JSON schema that the API server takes for a CRD.

export interface Rule {
  /** CEL; `self` is the value that the rule stands at. */
  readonly rule: string;
  readonly message: string;
}

export interface Schema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly anyOf?: readonly Schema[];
  readonly 'x-kubernetes-int-or-string'?: true;
  readonly 'x-kubernetes-preserve-unknown-fields'?: true;
  readonly 'x-kubernetes-validations'?: readonly Rule[];
}

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const QUALIFIED_KEY = `^(${LABEL}(\\.${LABEL})*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`;

export const dnsLabel = (description: string): Schema => ({
  type: 'string',
  description,
  minLength: 1,
  maxLength: 63,
  pattern: `^${LABEL}$`,
});

export const text = (description: string): Schema => ({ type: 'string', description });

/** The format stands apart from the type: where both are at one place, the API server takes a list for a string. */
export const cidr = (description: string): Schema => ({ type: 'string', description, anyOf: [{ format: 'cidr' }] });

export const ip = (description: string): Schema => ({
  type: 'string',
  description,
  anyOf: [{ format: 'ipv4' }, { format: 'ipv6' }],
});

export const list = (description: string, items: Schema): Schema => ({ type: 'array', description, items });

export const labelSelector = (description: string): Schema => ({
  type: 'object',
  description,
  properties: {
    matchLabels: {
      type: 'object',
      description: 'Labels that must be there with exactly these values.',
      additionalProperties: { type: 'string' },
    },
    matchExpressions: list('Conditions on labels; all of them must hold.', {
      type: 'object',
      properties: {
        key: {
          type: 'string',
          description: 'The label.',
          minLength: 1,
          maxLength: 317,
          pattern: QUALIFIED_KEY,
        },
        operator: {
          type: 'string',
          description: 'In and NotIn compare with values, Exists and DoesNotExist take none.',
          enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'],
        },
        values: list('The values to compare with.', { type: 'string' }),
      },
      required: ['key', 'operator'],
      'x-kubernetes-validations': [
        {
          rule: "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : !has(self.values) || size(self.values) == 0",
          message: 'values are needed with In and NotIn, and must be empty with Exists and DoesNotExist',
        },
      ],
    }),
  },
});

const labelValue: Schema = { type: 'string', maxLength: 63, pattern: '^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$' };

/** A LabelSelector whose keys may begin with the source of the label, as in k8s:app; its rules are left to the parser. */
export const endpointSelector = (description: string): Schema => ({
  type: 'object',
  description,
  properties: {
    matchLabels: {
      type: 'object',
      description:
        'Labels that must be there with exactly these values; a source may stand before the key, as in k8s:app.',
      additionalProperties: labelValue,
    },
    matchExpressions: list('Conditions on labels; all of them must hold.', {
      type: 'object',
      properties: {
        key: { type: 'string', description: 'The label, as in matchLabels.', minLength: 1, maxLength: 400 },
        operator: {
          type: 'string',
          description: 'In and NotIn compare with values, Exists and DoesNotExist take none.',
          enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'],
        },
        values: list('The values to compare with.', labelValue),
      },
      required: ['key', 'operator'],
    }),
  },
});

/** As `metav1.Condition`, which every status of Gateway API has too. */
export const conditions: Schema = list('What is known about the object, one entry a type.', {
  type: 'object',
  properties: {
    type: text('What the condition is about.'),
    status: { type: 'string', description: 'Whether it holds.', enum: ['True', 'False', 'Unknown'] },
    reason: text('Why, in one word for machines.'),
    message: text('Why, for people; for counts the number.'),
    lastTransitionTime: { type: 'string', format: 'date-time', description: 'When status changed last.' },
    observedGeneration: { type: 'integer', format: 'int64', description: 'The generation that this is about.' },
  },
  required: ['type', 'status'],
});

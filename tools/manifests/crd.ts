import type { Schema } from './schema.ts';

export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'boolean' | 'integer' | 'date';
  readonly jsonPath: string;
  readonly description?: string;
  /** Columns above 0 are shown with `-o wide` only. */
  readonly priority?: number;
}

export interface CrdSource {
  readonly kind: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
  /** The one that is stored comes first. They share one schema, so nothing has to be converted. */
  readonly versions: readonly string[];
  readonly description: string;
  readonly spec?: Schema;
  /** Fields next to spec and status. */
  readonly more?: Readonly<Record<string, Schema>>;
  /** Of the fields next to metadata; spec, where there is one, unless said otherwise. */
  readonly required?: readonly string[];
  readonly status?: Schema;
  /** The status is written with the rest of the object, by whoever writes it: it is all that there is. */
  readonly ownStatus?: true;
  readonly columns: readonly PrinterColumn[];
}

const AGE: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

/** All of an object, but for what every object has. */
export function objectSchema({ spec, more, status, required, description }: CrdSource): Schema {
  const needed = required ?? (spec === undefined ? [] : ['spec']);
  return {
    type: 'object',
    description,
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      ...(spec === undefined ? {} : { spec }),
      ...more,
      ...(status === undefined ? {} : { status }),
    },
    ...(needed.length === 0 ? {} : { required: needed }),
  };
}

/** A CustomResourceDefinition of the group `cilium.io`. */
export function crd(source: CrdSource): object {
  const { kind, plural, shortNames, namespaced, versions, status, ownStatus, columns } = source;
  const singular = kind.toLowerCase();
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.cilium.io`,
      labels: { 'app.kubernetes.io/name': 'sluice', 'app.kubernetes.io/part-of': 'sluice' },
    },
    spec: {
      group: 'cilium.io',
      scope: namespaced ? 'Namespaced' : 'Cluster',
      names: { kind, listKind: `${kind}List`, plural, singular, shortNames, categories: ['cilium'] },
      versions: versions.map((name, i) => ({
        name,
        served: true,
        storage: i === 0,
        additionalPrinterColumns: [...columns, AGE],
        ...(status === undefined || ownStatus ? {} : { subresources: { status: {} } }),
        schema: { openAPIV3Schema: objectSchema(source) },
      })),
    },
  };
}

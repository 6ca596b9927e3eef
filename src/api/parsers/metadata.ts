import type { ObjectMeta } from '../object.ts';
import {
  type Context,
  check,
  DNS_LABEL,
  DNS_SUBDOMAIN,
  type Format,
  integer,
  LABEL_VALUE,
  map,
  object,
  optional,
  QUALIFIED_KEY,
  record,
  required,
  type Schema,
  skipped,
  string,
  time,
} from '../schema/index.ts';

/** Kubernetes' limit on the keys and values of all annotations together, in bytes. */
export const MAX_ANNOTATION_BYTES = 256 << 10;

const key = string({ format: QUALIFIED_KEY });

export const labels = record(string({ max: 63, format: LABEL_VALUE }), { key });

const annotations: Schema<Readonly<Record<string, string>>> = check(record(string(), { key }), (all, context) => {
  let bytes = 0;
  for (const name in all) bytes += Buffer.byteLength(name) + Buffer.byteLength(all[name] as string);
  if (bytes > MAX_ANNOTATION_BYTES)
    context.error(
      'TooLarge',
      `has ${bytes} bytes`,
      `keep keys and values together within ${MAX_ANNOTATION_BYTES} bytes, Kubernetes' own limit`,
    );
});

export type NameForm = 'label' | 'subdomain';
const FORMATS: Readonly<Record<NameForm, { readonly format: Format; readonly max: number }>> = {
  label: { format: DNS_LABEL, max: 63 },
  subdomain: { format: DNS_SUBDOMAIN, max: 253 },
};

const EMPTY: Readonly<Record<string, string>> = Object.freeze({});

/** `metadata` of a kind; `default` is the namespace where a namespaced object names none. */
export function metadata(namespaced: boolean, name: NameForm): Schema<ObjectMeta> {
  const fields = object({
    name: optional(string({ min: 1, ...FORMATS[name] })),
    generateName: optional(string()),
    namespace: optional(string({ ...FORMATS.label })),
    uid: optional(string()),
    labels: optional(labels),
    annotations: optional(annotations),
    creationTimestamp: optional(time),
    generation: optional(integer(0)),
    selfLink: skipped,
    resourceVersion: skipped,
    deletionTimestamp: skipped,
    deletionGracePeriodSeconds: skipped,
    ownerReferences: skipped,
    finalizers: skipped,
    managedFields: skipped,
    clusterName: skipped,
  });
  return map(fields, (read, context) => {
    if (read.name === undefined) missingName(read.generateName, context);
    return {
      name: read.name as string,
      ...(namespaced ? { namespace: read.namespace || 'default' } : {}),
      ...(read.uid === undefined ? {} : { uid: read.uid }),
      labels: read.labels ?? EMPTY,
      annotations: read.annotations ?? EMPTY,
      creationTimestamp: read.creationTimestamp ?? 0,
      generation: read.generation ?? 0,
    };
  });
}

function missingName(generateName: string | undefined, context: Context): void {
  const hint =
    generateName === undefined
      ? 'give the object a name'
      : 'generateName needs an API server that makes up names: give the object a name';
  context.error('MissingField', 'is missing', hint, ['name']);
}

/** Enough of any object to know what it is meant to be. */
export const typeMeta = object(
  { apiVersion: required(string({ min: 1, max: 317 })), kind: required(string({ min: 1, max: 63 })) },
  'lenient',
);

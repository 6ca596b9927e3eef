import type { DescEnum, DescField, DescMessage } from '@bufbuild/protobuf';
import { ScalarType } from '@bufbuild/protobuf';
import { isWrapperDesc } from '@bufbuild/protobuf/wkt';
import { type Context, closest, show } from '../../api/schema/index.ts';
import { isObject } from '../../lib/is-object.ts';
import { typeOfAny } from './any-type.ts';
import { checkScalar, checkWellKnown } from './protojson-scalar.ts';

export type JsonRecord = Record<string, unknown>;

/**
 * Called with each message once its own fields are checked and spelled as in the .proto files, inner ones first: may
 * complete it or rename in place. `field` is the one that holds it; none for what stands in an Any.
 */
export type Visit = (desc: DescMessage, message: JsonRecord, field: DescField | undefined) => void;

/**
 * Checks a message in the JSON form of protocol buffers (https://protobuf.dev/programming-guides/json/) and gives it back
 * with the fields' .proto names. Everything wrong goes to the context with its exact path; then the result is partial.
 * protobuf-es would stop at the first error and name no path. Depth is bounded by the parser of the object around it.
 */
export class ProtoJson {
  readonly #context: Context;
  readonly #visit: Visit;

  constructor(context: Context, visit: Visit) {
    this.#context = context;
    this.#visit = visit;
  }

  message(desc: DescMessage, value: unknown, field?: DescField): unknown {
    if (desc.typeName === 'google.protobuf.Any') return this.#any(value);
    if (isWrapperDesc(desc)) return checkScalar(desc.fields[0].scalar, value, this.#context);
    const wellKnown = checkWellKnown(desc.typeName, value, this.#context);
    if (wellKnown !== undefined) return value;
    if (!isObject(value)) {
      this.#wrong(value, 'an object');
      return undefined;
    }
    return this.#fields(desc, value, field);
  }

  #fields(desc: DescMessage, value: Readonly<JsonRecord>, holder: DescField | undefined): JsonRecord {
    const before = this.#context.errors;
    const known = fieldsOf(desc);
    const out: JsonRecord = {};
    const oneofs = new Map<string, string>();
    for (const key of Object.keys(value)) {
      const field = known.get(key);
      if (field === undefined) {
        this.#context.unknownField(
          key,
          desc.fields.map((candidate) => candidate.name),
        );
        continue;
      }
      const item = value[key];
      if (item === undefined || (item === null && field.message?.typeName !== 'google.protobuf.Value')) continue;
      if (Object.hasOwn(out, field.name)) {
        this.#context.error('DuplicateField', `is the same field as ${spelling(field, key)}`, 'remove one', [key]);
        continue;
      }
      if (field.oneof !== undefined) {
        const other = oneofs.get(field.oneof.name);
        if (other !== undefined)
          this.#context.error('ConflictingFields', `excludes ${other}, which is set too`, 'remove one of them', [key]);
        oneofs.set(field.oneof.name, key);
      }
      this.#context.enter(key);
      out[field.name] = this.#field(field, item);
      this.#context.leave();
    }
    if (this.#context.errors === before) this.#visit(desc, out, holder);
    return out;
  }

  #field(field: DescField, value: unknown): unknown {
    switch (field.fieldKind) {
      case 'list':
        if (!Array.isArray(value)) return this.#wrong(value, 'a list');
        return value.map((item, i) => this.#below(i, () => this.#single(field, item)));
      case 'map': {
        if (!isObject(value)) return this.#wrong(value, 'an object');
        const out: JsonRecord = Object.create(null) as JsonRecord;
        for (const key of Object.keys(value)) {
          this.#below(key, () => {
            if (field.mapKey !== ScalarType.STRING) checkScalar(field.mapKey, mapKey(field.mapKey, key), this.#context);
            out[key] = this.#single(field, value[key]);
          });
        }
        return out;
      }
      default:
        return this.#single(field, value);
    }
  }

  #single(field: DescField, value: unknown): unknown {
    if (field.message !== undefined) return this.message(field.message, value, field);
    if (field.enum !== undefined) return checkEnum(field.enum, value, this.#context);
    if (field.scalar === undefined) throw new Error('bug: a field of no kind');
    return checkScalar(field.scalar, value, this.#context);
  }

  #any(value: unknown): unknown {
    if (!isObject(value)) return this.#wrong(value, 'an object with @type');
    const desc = typeOfAny(value['@type'], this.#context);
    if (desc === undefined) return undefined;
    const { '@type': _type, ...rest } = value;
    const type = `type.googleapis.com/${desc.typeName}`;
    if (!hasOwnJson(desc)) return { '@type': type, ...(this.#fields(desc, rest, undefined) as object) };
    for (const key of Object.keys(rest)) if (key !== 'value') this.#context.unknownField(key, ['value']);
    return { '@type': type, value: this.#below('value', () => this.message(desc, rest.value)) };
  }

  #below<T>(segment: string | number, check: () => T): T {
    this.#context.enter(segment);
    const result = check();
    this.#context.leave();
    return result;
  }

  #wrong(value: unknown, expected: string): undefined {
    this.#context.error('WrongType', `is ${show(value)}, not ${expected}`);
  }
}

function checkEnum(desc: DescEnum, value: unknown, context: Context): unknown {
  if (desc.typeName === 'google.protobuf.NullValue') return value;
  if (typeof value === 'number' && desc.values.some((candidate) => candidate.number === value)) return value;
  const names = desc.values.map((candidate) => candidate.name);
  if (typeof value === 'string' && names.includes(value)) return value;
  const near = typeof value === 'string' ? closest(value, names) : undefined;
  const hint = near === undefined ? `one of ${names.slice(0, 20).join(', ')}` : `did you mean ${near}?`;
  context.error('InvalidValue', `is ${show(value)}, which ${desc.name} does not have`, hint);
  return undefined;
}

/** Types whose JSON is not an object of their fields: inside an Any they stand under `value`. */
function hasOwnJson(desc: DescMessage): boolean {
  return isWrapperDesc(desc) || ownJson.has(desc.typeName);
}
const ownJson = new Set(
  ['Any', 'Duration', 'Timestamp', 'FieldMask', 'Struct', 'Value', 'ListValue'].map(
    (name) => `google.protobuf.${name}`,
  ),
);

function mapKey(type: ScalarType, key: string): unknown {
  return type === ScalarType.BOOL ? (key === 'true' ? true : key === 'false' ? false : key) : key;
}

function spelling(field: DescField, key: string): string {
  return key === field.name ? field.jsonName : field.name;
}

const fieldNames = new WeakMap<DescMessage, ReadonlyMap<string, DescField>>();

/** By .proto name and by JSON name. */
function fieldsOf(desc: DescMessage): ReadonlyMap<string, DescField> {
  let map = fieldNames.get(desc);
  if (map === undefined) {
    map = new Map(desc.fields.flatMap((field) => [[field.jsonName, field] as const, [field.name, field] as const]));
    fieldNames.set(desc, map);
  }
  return map;
}

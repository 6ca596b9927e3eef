import {
  type DescField,
  type DescMessage,
  type DescOneof,
  fromBinary,
  getOption,
  hasOption,
  type MessageInitShape,
  type Registry,
} from '@bufbuild/protobuf';
import { isWrapperDesc } from '@bufbuild/protobuf/wkt';
import { disabled, type FieldRules, required, rules } from '../../gen/validate/validate_pb.ts';
import { Encoded } from '../../lib/protobuf-encode.ts';
import { checkBytes, checkEnum, checkNumber, checkString, type Problem } from './validate-scalar.ts';

/**
 * The `validate.rules` of a message (protoc-gen-validate), as Envoy checks them: a response with one bad resource is refused
 * as a whole and without naming it, so nothing that breaks a rule may be sent.
 *
 * Takes an init object or a message. Gives one line for each violation: `routes[0].match.path: ...`; none if all is well.
 * With a registry, what is packed in an Any is checked too; a type that it does not hold is not looked into, nor is a part
 * that is {@link Encoded} already.
 */
export function violations<Desc extends DescMessage>(
  schema: Desc,
  message: MessageInitShape<Desc>,
  registry?: Registry,
): string[] {
  const found: string[] = [];
  checkMessage(schema)(message as Init, '', { found, registry });
  return found;
}

type Init = Record<string, unknown>;
interface Context {
  readonly found: string[];
  readonly registry: Registry | undefined;
}
type MessageCheck = (init: Init, path: string, context: Context) => void;
/** `value` undefined: not set. */
type ValueCheck = (value: unknown, path: string, context: Context) => void;

const checks = new WeakMap<DescMessage, MessageCheck>();

function checkMessage(desc: DescMessage): MessageCheck {
  const present = checks.get(desc);
  if (present !== undefined) return present;
  if (desc.typeName === 'google.protobuf.Any') {
    checks.set(desc, checkPacked);
    return checkPacked;
  }
  const always: [string, ValueCheck][] = [];
  const whenSet = new Map<string, ValueCheck>();
  const check: MessageCheck = (init, path, context) => {
    // Checked before it was encoded.
    if (init instanceof Encoded) return;
    for (const [name, one] of always) one(init[name], join(path, name), context);
    for (const name of Object.keys(init)) {
      const value = init[name];
      if (value !== undefined && value !== null) whenSet.get(name)?.(value, join(path, name), context);
    }
  };
  checks.set(desc, check);
  if (hasOption(desc, disabled) && getOption(desc, disabled)) return check;
  for (const member of desc.members) {
    const one = member.kind === 'oneof' ? oneofCheck(member) : fieldCheck(member);
    if (one === undefined) continue;
    // What a rule asks of a field that is not set (required, min_len, ...) can't wait until it is.
    if (member.kind === 'oneof' ? hasOption(member, required) : hasOption(member, rules))
      always.push([member.localName, one]);
    else whenSet.set(member.localName, one);
  }
  return check;
}

const checkPacked: MessageCheck = (init, path, context) => {
  const { typeUrl, value } = init as { typeUrl?: string; value?: Uint8Array };
  const desc = context.registry?.getMessage(typeUrl?.slice(typeUrl.lastIndexOf('/') + 1) ?? '');
  if (desc !== undefined)
    checkMessage(desc)(fromBinary(desc, value ?? new Uint8Array()) as unknown as Init, path, context);
};

function oneofCheck(oneof: DescOneof): ValueCheck {
  const cases = new Map(oneof.fields.map((field) => [field.localName, fieldCheck(field)]));
  const mandatory = hasOption(oneof, required) && getOption(oneof, required);
  const names = oneof.fields.map((field) => field.name).join(', ');
  return (value, path, context) => {
    const selected = value as { case?: string; value?: unknown } | undefined;
    if (selected?.case !== undefined) {
      const at = path.slice(0, path.length - oneof.localName.length) + selected.case;
      cases.get(selected.case)?.(selected.value, at, context);
    } else if (mandatory) context.found.push(`${path}: one of ${names} must be set`);
  };
}

function fieldCheck(field: DescField): ValueCheck | undefined {
  const own = hasOption(field, rules) ? getOption(field, rules) : undefined;
  switch (field.fieldKind) {
    case 'list': {
      const item = valueCheck(field, field.listKind === 'message' ? field.message : undefined, itemRules(own));
      return listCheck(own, item);
    }
    case 'map':
      return mapCheck(field, own);
    default:
      return valueCheck(field, field.fieldKind === 'message' ? field.message : undefined, own);
  }
}

const itemRules = (own: FieldRules | undefined) => (own?.type.case === 'repeated' ? own.type.value.items : undefined);

function listCheck(own: FieldRules | undefined, item: ValueCheck | undefined): ValueCheck | undefined {
  const rule = own?.type.case === 'repeated' ? own.type.value : undefined;
  if (rule === undefined && item === undefined) return undefined;
  return (value, path, context) => {
    const { found } = context;
    const list = (value ?? []) as readonly unknown[];
    if (rule !== undefined && !(rule.ignoreEmpty && list.length === 0)) {
      if (Object.hasOwn(rule, 'minItems') && list.length < rule.minItems)
        found.push(`${path}: at least ${rule.minItems} needed`);
      if (Object.hasOwn(rule, 'maxItems') && list.length > rule.maxItems)
        found.push(`${path}: at most ${rule.maxItems} allowed`);
      if (rule.unique && new Set(list).size !== list.length) found.push(`${path}: values must differ`);
    }
    if (item !== undefined) for (const [i, one] of list.entries()) item(one, `${path}[${i}]`, context);
  };
}

function mapCheck(field: DescField & { fieldKind: 'map' }, own: FieldRules | undefined): ValueCheck | undefined {
  const rule = own?.type.case === 'map' ? own.type.value : undefined;
  const key = rule?.keys && scalarCheck(rule.keys);
  const item = valueCheck(field, field.mapKind === 'message' ? field.message : undefined, rule?.values);
  if (rule === undefined && item === undefined) return undefined;
  return (value, path, context) => {
    const entries = Object.entries((value ?? {}) as Init);
    if (rule !== undefined && !(rule.ignoreEmpty && entries.length === 0)) {
      if (Object.hasOwn(rule, 'minPairs') && entries.length < rule.minPairs)
        context.found.push(`${path}: at least ${rule.minPairs} needed`);
      if (Object.hasOwn(rule, 'maxPairs') && entries.length > rule.maxPairs)
        context.found.push(`${path}: at most ${rule.maxPairs} allowed`);
    }
    for (const [name, one] of entries) {
      const problem = key?.(name);
      if (problem !== undefined) context.found.push(`${path} key ${JSON.stringify(name)}: ${problem}`);
      item?.(one, `${path}[${JSON.stringify(name)}]`, context);
    }
  };
}

/** A single value: a field's own, a list's item, a map's value. */
function valueCheck(
  field: DescField,
  message: DescMessage | undefined,
  own: FieldRules | undefined,
): ValueCheck | undefined {
  const scalar = own && scalarCheck(own, field);
  if (message === undefined || isWrapperDesc(message)) {
    const explicit = message !== undefined || field.presence !== 2 || field.oneof !== undefined;
    const mandatory = own?.message?.required === true;
    if (scalar === undefined && !mandatory) return undefined;
    const zero = field.fieldKind === 'scalar' ? (field.getDefaultValue() ?? zeroOf(own)) : zeroOf(own);
    return (value, path, { found }) => {
      if (value === undefined && mandatory) found.push(`${path}: must be set`);
      if (value === undefined && explicit) return;
      const bare =
        message !== undefined && typeof value === 'object' && value !== null && !(value instanceof Uint8Array)
          ? ((value as { value?: unknown }).value ?? zero)
          : (value ?? zero);
      const problem = scalar?.(bare);
      if (problem !== undefined) found.push(`${path}: ${problem}`);
    };
  }
  const mandatory =
    own?.message?.required || (own?.type.value as { required?: boolean } | undefined)?.required === true;
  if (own?.message?.skip && !mandatory) return undefined;
  let inner: MessageCheck | undefined;
  return (value, path, context) => {
    if (value === undefined || value === null) {
      if (mandatory) context.found.push(`${path}: must be set`);
      return;
    }
    const problem = scalar?.(value);
    if (problem !== undefined) context.found.push(`${path}: ${problem}`);
    if (own?.message?.skip) return;
    inner ??= checkMessage(message);
    inner(value as Init, path, context);
  };
}

function zeroOf(own: FieldRules | undefined): unknown {
  switch (own?.type.case) {
    case 'string':
      return '';
    case 'bytes':
      return new Uint8Array();
    case 'bool':
      return false;
    default:
      return 0;
  }
}

function scalarCheck(own: FieldRules, field?: DescField): ((value: unknown) => Problem) | undefined {
  const { type } = own;
  switch (type.case) {
    case undefined:
    case 'repeated':
    case 'map':
    case 'timestamp':
      return undefined;
    case 'string':
      return checkString(type.value);
    case 'bytes':
      return checkBytes(type.value);
    case 'bool':
      return Object.hasOwn(type.value, 'const')
        ? (value) => (value === type.value.const ? undefined : `must be ${type.value.const}`)
        : undefined;
    case 'enum':
      return checkEnum(type.value, field);
    case 'any': {
      const { in: allowed, notIn } = type.value;
      return (value) => {
        const { typeUrl = '' } = value as { typeUrl?: string };
        if (allowed.length > 0 && !allowed.includes(typeUrl)) return `must be one of ${allowed.join(', ')}`;
        return notIn.includes(typeUrl) ? `must not be ${typeUrl}` : undefined;
      };
    }
    case 'duration':
      return checkNumber(
        type.value,
        (value) => {
          const { seconds = 0n, nanos = 0 } = value as { seconds?: bigint; nanos?: number };
          return BigInt(seconds) * 1_000_000_000n + BigInt(nanos);
        },
        (nanos) => `${Number(nanos) / 1e9}s`,
      );
    default:
      return checkNumber(type.value, (value) => value as number | bigint, String);
  }
}

const join = (path: string, name: string) => (path === '' ? name : `${path}.${name}`);

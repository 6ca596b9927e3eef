import assert from 'node:assert/strict';
import { create, type DescField, type DescMessage, equals, fromBinary, ScalarType, toBinary } from '@bufbuild/protobuf';
import { AnySchema, isWrapperDesc, StructSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteSchema, VirtualHostSchema } from '../gen/envoy/config/route/v3/route_components_pb.ts';
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.ts';
import { FieldRulesSchema } from '../gen/validate/validate_pb.ts';
import { encode, encodeAsField, pack } from './protobuf-encode.ts';

/** Any init object of a message, to a depth; from its descriptor, so every kind of field is met. */
function initOf(desc: DescMessage, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const members = desc.members.flatMap((member): [string, fc.Arbitrary<unknown>][] => {
    if (member.kind === 'field') {
      const value = fieldValue(member, depth);
      return value === undefined ? [] : [[member.localName, value]];
    }
    const cases = member.fields.flatMap((field) => {
      const value = fieldValue(field, depth);
      return value === undefined ? [] : [fc.record({ case: fc.constant(field.localName), value })];
    });
    return cases.length === 0 ? [] : [[member.localName, fc.oneof(...cases)]];
  });
  // Few of the many fields at a time, as in life.
  return fc
    .shuffledSubarray(members, { maxLength: Math.min(members.length, 5) })
    .chain((chosen) => fc.record(Object.fromEntries(chosen)));
}

function fieldValue(field: DescField, depth: number): fc.Arbitrary<unknown> | undefined {
  const message = (desc: DescMessage, singular: boolean): fc.Arbitrary<unknown> | undefined => {
    if (singular && field.oneof === undefined && isWrapperDesc(desc))
      return scalarValue((desc.fields[0] as DescField & { fieldKind: 'scalar' }).scalar);
    if (desc.typeName === StructSchema.typeName && field.parent.typeName !== 'google.protobuf.Value')
      return fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.boolean(), fc.constant(null), fc.array(fc.integer())));
    return depth === 0 ? undefined : initOf(desc, depth - 1);
  };
  switch (field.fieldKind) {
    case 'message':
      return message(field.message, true);
    case 'enum':
      return fc.constantFrom(...field.enum.values.map((value) => value.number));
    case 'scalar':
      return scalarValue(field.scalar);
    case 'list': {
      const item =
        field.listKind === 'message'
          ? message(field.message, false)
          : field.listKind === 'enum'
            ? fc.constantFrom(...field.enum.values.map((value) => value.number))
            : scalarValue(field.scalar);
      return item && fc.array(item, { maxLength: 3 });
    }
    case 'map': {
      if (field.mapKey !== ScalarType.STRING) return undefined;
      const item =
        field.mapKind === 'message'
          ? message(field.message, false)
          : field.mapKind === 'enum'
            ? undefined
            : scalarValue(field.scalar);
      return item && fc.dictionary(fc.string(), item, { maxKeys: 3 });
    }
  }
}

function scalarValue(scalar: ScalarType): fc.Arbitrary<unknown> {
  switch (scalar) {
    case ScalarType.STRING:
      return fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.string({ minLength: 100, maxLength: 300 }));
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 300 });
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return fc.nat(0xffff_ffff);
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return fc.integer();
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case ScalarType.FLOAT:
      return fc.float({ noNaN: true });
    case ScalarType.DOUBLE:
      return fc.double({ noNaN: true });
  }
}

describe('protobuf encode', () => {
  // validate.FieldRules is proto2 and has numbers of every kind.
  for (const schema of [
    RouteSchema,
    RouteConfigurationSchema,
    ClusterSchema,
    ListenerSchema,
    FieldRulesSchema,
  ] as DescMessage[]) {
    it(`means what protobuf-es makes of the same init: ${schema.name}`, () => {
      fc.assert(
        fc.property(initOf(schema, 5), (init) => {
          const expected = fromBinary(schema, toBinary(schema, create(schema, init)));
          const fromInit = fromBinary(schema, encode(schema, init));
          assert.ok(equals(schema, fromInit, expected));
          // A message instance, with all its unset fields, is encoded like the init object it was made of.
          assert.ok(equals(schema, fromBinary(schema, encode(schema, expected)), expected));
        }),
        { numRuns: 150 },
      );
    });
  }

  it('writes what is unknown to the schema back', () => {
    const unknown = fromBinary(AnySchema, encode(RouteSchema, { name: 'a', statPrefix: 'b' }));
    assert.ok(unknown.$unknown !== undefined && unknown.$unknown.length > 0);
    const back = fromBinary(RouteSchema, encode(AnySchema, unknown));
    assert.equal(back.statPrefix, 'b');
  });

  it('encodes a part so that parts put together are the whole', () => {
    const hosts = ['a', 'b'].map((name) => ({ name, domains: [name] }));
    const whole = Buffer.concat([
      encode(RouteConfigurationSchema, { name: 'table' }),
      ...hosts.map((host) => encodeAsField(2, VirtualHostSchema, host)),
    ]);
    assert.ok(
      equals(
        RouteConfigurationSchema,
        fromBinary(RouteConfigurationSchema, whole),
        create(RouteConfigurationSchema, { name: 'table', virtualHosts: hosts }),
      ),
    );
  });

  it('refuses what the schema does not know, and is usable afterwards', () => {
    assert.throws(() => encode(RouteSchema, { name: 'a', nonsense: 1 } as object), /Route has no field nonsense/);
    assert.deepEqual(fromBinary(RouteSchema, encode(RouteSchema, { name: 'a' })).name, 'a');
  });

  it('packs an Any', () => {
    const any = pack(RouteSchema, { name: 'a' });
    assert.equal(any.typeUrl, 'type.googleapis.com/envoy.config.route.v3.Route');
    assert.equal(fromBinary(RouteSchema, any.value).name, 'a');
  });
});

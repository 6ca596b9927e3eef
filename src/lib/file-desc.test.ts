import assert from 'node:assert/strict';
import { create, type DescFile, type DescMessage, fromJson, toBinary, toJson } from '@bufbuild/protobuf';
import { fileDesc as original } from '@bufbuild/protobuf/codegenv2';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { file_envoy_config_route_v3_route, RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.ts';
import { fileDesc } from './file-desc.ts';

/** All that code can ask of a file's messages, as plain data. */
function describeMessages(messages: readonly DescMessage[]): unknown {
  return messages.map((message) => ({
    name: message.typeName,
    fields: message.fields.map((field) => [
      field.name,
      field.jsonName,
      field.number,
      field.fieldKind,
      field.message?.typeName,
      field.enum?.typeName,
      field.oneof?.name,
    ]),
    nested: describeMessages(message.nestedMessages),
  }));
}

const everyFile = (file: DescFile, seen = new Set<DescFile>()): Set<DescFile> => {
  if (!seen.has(file)) {
    seen.add(file);
    for (const dependency of file.dependencies) everyFile(dependency, seen);
  }
  return seen;
};

/** As generated code has it: without imports, which are passed along. */
const base64Of = ({ proto }: DescFile) =>
  Buffer.from(toBinary(FileDescriptorProtoSchema, { ...proto, dependency: [] })).toString('base64');

describe('file descriptors', () => {
  const files = [...everyFile(file_envoy_config_route_v3_route)].filter((file) => file.name.startsWith('envoy/'));

  it('are those that protobuf-es makes', () => {
    assert.ok(files.length > 20);
    for (const file of files) {
      const bytes = base64Of(file);
      const ours = fileDesc(bytes, file.dependencies);
      assert.deepEqual(describeMessages(ours.messages), describeMessages(original(bytes, file.dependencies).messages));
    }
  });

  it('refer to the files that they import, not to copies', () => {
    for (const file of files) {
      const ours = fileDesc(base64Of(file), file.dependencies);
      assert.deepEqual(
        ours.dependencies.map((dependency, i) => dependency === file.dependencies[i]),
        file.dependencies.map(() => true),
      );
    }
  });

  it('know names in JSON', () => {
    const table = create(RouteConfigurationSchema, { name: 'a', virtualHosts: [{ name: 'v', domains: ['*'] }] });
    const json = { name: 'a', virtualHosts: [{ name: 'v', domains: ['*'] }] };
    assert.deepEqual(toJson(RouteConfigurationSchema, table), json);
    assert.deepEqual(fromJson(RouteConfigurationSchema, json), table);
  });
});

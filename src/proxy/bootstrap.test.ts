import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRegistry, fromJson, type JsonObject, type JsonValue } from '@bufbuild/protobuf';
import { dump, load } from 'js-yaml';
import { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts';
import { HttpProtocolOptionsSchema } from '../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { type BootstrapOptions, bootstrapJson } from './bootstrap.ts';

const dir = join(import.meta.dirname, 'testdata');
const options = { node: { id: 'n', cluster: 'c' }, xdsSocket: '/x.sock', adminSocket: '/a.sock' };

describe('bootstrap', () => {
  const files = readdirSync(dir);
  for (const file of files.filter((name) => name.endsWith('.in.yaml'))) {
    it(file.replace('.in.yaml', ''), () => {
      const { clusters = [], ...rest } = load(readFileSync(join(dir, file), 'utf8')) as Input;
      const registry = createRegistry(HttpProtocolOptionsSchema);
      const parsed = clusters.map((cluster) => fromJson(ClusterSchema, cluster, { registry }));
      const actual = dump(bootstrapJson({ ...rest, clusters: parsed }), { lineWidth: 120, noRefs: true });
      const golden = join(dir, file.replace('.in.', '.out.'));
      if (process.env.UPDATE_GOLDEN) writeFileSync(golden, actual);
      assert.equal(actual, readFileSync(golden, 'utf8'));
    });
  }

  it('has no orphan golden', () => {
    const orphans = files.filter(
      (name) => name.endsWith('.out.yaml') && !existsSync(join(dir, name.replace('.out.', '.in.'))),
    );
    assert.deepEqual(orphans, []);
  });

  it('refuses a socket path that the kernel would cut', () => {
    assert.equal(typeof bootstrapJson({ ...options, xdsSocket: `/${'x'.repeat(106)}` }), 'object');
    for (const key of ['xdsSocket', 'adminSocket']) {
      assert.throws(() => bootstrapJson({ ...options, [key]: `/${'x'.repeat(107)}` }), {
        code: 'SOCKET_PATH_TOO_LONG',
      });
    }
  });
});

type Input = Omit<BootstrapOptions, 'clusters'> & { clusters?: JsonValue[]; metadata?: JsonObject };

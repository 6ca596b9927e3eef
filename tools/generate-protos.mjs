// Generates src/gen from the Envoy API that `@grpc/grpc-js-xds` ships and from our own proto/.
//
// Two outputs: TypeScript messages for the closure of what we write (roots in proto/closure.txt), and one binary
// FileDescriptorSet of every Envoy v3 type, which CiliumEnvoyConfig resources are checked against (loaded only then).
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const deps = join(root, 'node_modules/@grpc/grpc-js-xds/deps');
const out = join(root, 'src/gen');

const fingerprint = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .update(readFileSync(fileURLToPath(import.meta.url)))
  .update(readFileSync(join(root, 'proto/closure.txt')));
for (const file of protoFiles(join(root, 'proto')).sort())
  fingerprint.update(file).update(readFileSync(join(root, 'proto', file)));
const stamp = fingerprint.digest('hex');
if (existsSync(join(out, '.stamp')) && readFileSync(join(out, '.stamp'), 'utf8') === stamp) process.exit(0);

const work = join(root, '.cache/protos');
rmSync(work, { recursive: true, force: true });
mkdirSync(work, { recursive: true });
for (const tree of ['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate']) {
  cpSync(join(deps, tree), work, {
    recursive: true,
    filter: (path) => !/\/(v2|v2alpha1?|v2alpha|tests|java)$/.test(path),
  });
}
// The packaged validate.proto predates a field that the packaged Envoy protos use.
const validate = join(work, 'validate/validate.proto');
writeFileSync(validate, addIgnoreEmpty(readFileSync(validate, 'utf8')));
// So does the packaged HttpProtocolOptions those with which Envoy 1.40 takes the policies of requests from their cluster.
const upstream = join(work, 'envoy/extensions/upstreams/http/v3/http_protocol_options.proto');
writeFileSync(upstream, addClusterPolicies(readFileSync(upstream, 'utf8')));
cpSync(join(root, 'proto'), work, { recursive: true });
writeFileSync(join(work, 'buf.yaml'), 'version: v2\n');

// Leave out what can't be resolved: v2 leftovers and files whose imports the package does not ship.
const present = new Set(protoFiles(work));
const importsOf = new Map(
  [...present].map((file) => [
    file,
    [...readFileSync(join(work, file), 'utf8').matchAll(/^import (?:public )?"(.+)";/gm)].map((m) => m[1]),
  ]),
);
const builtIn = /^google\/protobuf\//;
for (let changed = true; changed; ) {
  changed = false;
  for (const file of present) {
    if (importsOf.get(file).every((dep) => builtIn.test(dep) || present.has(dep))) continue;
    present.delete(file);
    changed = true;
  }
}
const wanted = new Set();
const addClosure = (file) => {
  if (wanted.has(file) || builtIn.test(file)) return;
  if (!present.has(file)) throw new Error(`proto/closure.txt: no such proto, or it can't be resolved: ${file}`);
  wanted.add(file);
  for (const dep of importsOf.get(file)) addClosure(dep);
};
for (const line of readFileSync(join(root, 'proto/closure.txt'), 'utf8').split('\n')) {
  const file = line.replace(/#.*/, '').trim();
  if (file) addClosure(file);
}
const ours = protoFiles(join(root, 'proto'));
for (const file of ours) addClosure(file);
const every = [...present].filter((file) => /^(envoy|xds|udpa|validate)\//.test(file) || ours.includes(file));
const everyClosure = new Set();
const addEvery = (file) => {
  if (everyClosure.has(file) || builtIn.test(file)) return;
  everyClosure.add(file);
  for (const dep of importsOf.get(file)) addEvery(dep);
};
every.forEach(addEvery);
for (const file of protoFiles(work)) if (!everyClosure.has(file) && !wanted.has(file)) rmSync(join(work, file));

const fresh = `${out}.new`;
rmSync(fresh, { recursive: true, force: true });
mkdirSync(fresh, { recursive: true });
const node = join(root, 'tools/node');
writeFileSync(
  join(work, 'buf.gen.yaml'),
  `version: v2
plugins:
  - local: ["${node}", "${join(root, 'node_modules/@bufbuild/protoc-gen-es/bin/protoc-gen-es')}"]
    out: ${fresh}
    opt: [target=ts, import_extension=ts, erasable_syntax=true]
    strategy: all
`,
);
const buf = (...args) =>
  execFileSync(node, [join(root, 'node_modules/@bufbuild/buf/bin/buf'), ...args], { cwd: work, stdio: 'inherit' });
buf('generate', ...[...wanted].flatMap((file) => ['--path', file]));
useOwnFileDesc(fresh);
buf('build', '--exclude-source-info', '-o', join(fresh, 'envoy-descriptors.binpb'));
writeFileSync(join(fresh, '.stamp'), stamp);
rmSync(out, { recursive: true, force: true });
renameSync(fresh, out);
rmSync(work, { recursive: true, force: true });
console.log(`generated ${wanted.size} message files and descriptors of ${everyClosure.size} into src/gen`);

function protoFiles(dir, prefix = '') {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory()
      ? protoFiles(join(dir, entry.name), `${prefix}${entry.name}/`)
      : entry.name.endsWith('.proto')
        ? [prefix + entry.name]
        : [],
  );
}

/** Has generated files call our `fileDesc` (src/lib/file-desc.ts says why). */
function useOwnFileDesc(dir, depth = 1) {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) useOwnFileDesc(path, depth + 1);
    else if (entry.name.endsWith('_pb.ts')) {
      const text = readFileSync(path, 'utf8');
      const changed = text.replace(
        /^import \{(.*)\bfileDesc\b,? ?(.*)\} from "@bufbuild\/protobuf\/codegenv2";$/m,
        (_, before, after) =>
          `import {${before}${after}} from "@bufbuild/protobuf/codegenv2";\n` +
          `import { fileDesc } from "${'../'.repeat(depth)}lib/file-desc.ts";`,
      );
      if (changed === text) throw new Error(`${path}: no import of fileDesc to replace`);
      writeFileSync(path, changed);
    }
  }
}

/** Adds `ignore_empty` to every rules message at its upstream field number (protoc-gen-validate 0.6.2 and later). */
function addIgnoreEmpty(text) {
  const numbers = { String: 26, Bytes: 14, Repeated: 5, Map: 6 };
  return text.replace(/^message (\w+)Rules \{$/gm, (line, name) => {
    const number =
      numbers[name] ?? (/^(Float|Double|U?Int(32|64)|SInt(32|64)|S?Fixed(32|64))$/.test(name) ? 8 : undefined);
    return number ? `${line}\n    optional bool ignore_empty = ${number};` : line;
  });
}

/** Adds the policies of a cluster's requests to HttpProtocolOptions, at their upstream field numbers. */
function addClusterPolicies(text) {
  const fields = ['RequestMirrorPolicy request_mirror_policies = 9', 'HashPolicy hash_policy = 10'];
  return text
    .replace(/^import /m, 'import "envoy/config/route/v3/route_components.proto";\nimport ')
    .replace(
      /\}\s*$/,
      `${fields.map((field) => `  repeated config.route.v3.RouteAction.${field};\n`).join('')}` +
        '  config.route.v3.RetryPolicy retry_policy = 11;\n}\n',
    );
}

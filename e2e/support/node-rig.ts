import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { NodeStatus } from '../../src/agent/node-status.ts';
import type { Diagnostic } from '../../src/api/index.ts';
import { askAgent, askAgentJson } from '../../src/cli/agent-client.ts';
import type { ObjectStatus } from '../../src/mesh/model/index.ts';
import { fetchHost, type Reply } from './mesh-rig.ts';
import { type Program, startProgram } from './program.ts';
import { freePort, temporaryDir } from './proxy-rig.ts';
import { until } from './until.ts';

const cli = join(import.meta.dirname, '../../src/cli/main.ts');

/** `sluice run` as a process of its own, on a temporary folder and free ports. */
export interface NodeRig {
  /** Holds `folder` and `stateDir`; gone with the rig. */
  readonly dir: string;
  readonly folder: string;
  readonly stateDir: string;
  readonly ports: { readonly http: number; readonly https: number; readonly metrics: number };
  /** The control plane's process: its output, its end. A new one after `restart`. */
  program: Program;
  /** Saves a file as careful programs do: written aside, renamed into place. */
  write(name: string, text: string): void;
  remove(name: string): void;
  /** A request to the Ingress port. */
  get(host: string, path?: string, headers?: Record<string, string>): Promise<Reply>;
  /** Waits until a host answers so. */
  served(host: string, status?: number, path?: string): Promise<void>;
  status(): Promise<NodeStatus>;
  /** Waits for a diagnostic whose reason and message fit. */
  diagnosed(reason: string, message?: RegExp): Promise<Diagnostic>;
  /** Waits until none of this reason is left. */
  resolved(reason: string): Promise<void>;
  objectStatus(kind: string, name: string): Promise<ObjectStatus['value'] | undefined>;
  /** Ends what is left of the program and starts it again on the same folders. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface NodeRigOptions {
  readonly files?: Readonly<Record<string, string>>;
  /** More flags, given the rig's temporary directory. */
  readonly args?: (dir: string) => readonly string[];
  /** By default in the rig's temporary directory. */
  readonly stateDir?: string;
  readonly folder?: string;
}

export async function startNodeRig(options: NodeRigOptions = {}): Promise<NodeRig> {
  const temporary = temporaryDir();
  const dir = temporary.path;
  const folder = options.folder ?? join(dir, 'k8s');
  const stateDir = options.stateDir ?? join(dir, 'state');
  mkdirSync(folder, { recursive: true });
  const ports = { http: await freePort(), https: await freePort(), metrics: await freePort() };
  const flags = {
    '--state-dir': stateDir,
    '--http-port': ports.http,
    '--https-port': ports.https,
    '--metrics-address': `127.0.0.1:${ports.metrics}`,
    '--concurrency': 1,
    '--drain-time': '0ms',
    '--log-level': 'info',
    '--log-format': 'json',
  };
  const args = ['run', folder, ...Object.entries(flags).flatMap(([flag, value]) => [flag, `${value}`])];
  const start = () => startProgram(process.execPath, [cli, ...args, ...(options.args?.(dir) ?? [])], /^Ready after/m);
  const write = (name: string, text: string): void => {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.tmp`, text);
    renameSync(`${path}.tmp`, path);
  };
  for (const [name, text] of Object.entries(options.files ?? {})) write(name, text);
  const program = await start().catch((error: unknown) => {
    temporary[Symbol.dispose]();
    throw error;
  });
  const status = () => askAgentJson<NodeStatus>(stateDir, '/v1/status');
  const rig: NodeRig = {
    ...{ dir, folder, stateDir, ports, program, write, status },
    remove: (name) => rmSync(join(folder, name), { recursive: true }),
    get: (host, path, headers) => fetchHost({ address: '127.0.0.1', port: ports.http }, host, path, headers),
    async served(host, wanted = 200, path = '/') {
      let last: unknown;
      await until(
        () => `${host}${path} to answer ${wanted}, not ${last}`,
        async () => {
          last = await rig.get(host, path).then(
            (reply) => reply.status,
            (error: Error) => error.message,
          );
          return last === wanted;
        },
      );
    },
    async diagnosed(reason, message = /(?:)/) {
      let all: readonly Diagnostic[] = [];
      return until(
        () => `a diagnostic ${reason} ${message} among ${JSON.stringify(all.slice(0, 10), undefined, 1)}`,
        async () => {
          all = (await status()).diagnostics;
          return all.find((diagnostic) => diagnostic.reason === reason && message.test(diagnostic.message));
        },
      );
    },
    async resolved(reason) {
      const has = async () => (await status()).diagnostics.some((diagnostic) => diagnostic.reason === reason);
      await until(`diagnostics ${reason} to go`, async () => !(await has()));
    },
    async objectStatus(kind, name) {
      const { body } = await askAgent(stateDir, '/v1/statuses');
      const all = JSON.parse(body) as ObjectStatus[];
      return all.find(({ ref }) => ref.kind === kind && ref.name === name)?.value;
    },
    async restart() {
      await rig.program.stop();
      rig.program = await start();
    },
    async stop() {
      await rig.program.stop();
      temporary[Symbol.dispose]();
    },
  };
  return rig;
}

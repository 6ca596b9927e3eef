import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ensureBuilt } from '../cluster/go-build.ts';
import { linesOf } from '../cluster/progress.ts';
import { cniPlugin, type PluginOutput } from './cni-plugin.ts';

/** What `cnitool` says of one call. */
export interface RuntimeAnswer {
  readonly status: number;
  readonly result: PluginOutput | undefined;
  /** Standard error: what libcni makes of a plugin's refusal. */
  readonly error: string;
}

export interface RuntimeOptions {
  /** Directory of network configurations. */
  readonly configDir: string;
  /** A directory for what libcni keeps of results. */
  readonly cacheDir: string;
  /** Path of the node's network namespace, where plugins run. */
  readonly node: string;
  /** The agent's. */
  readonly socket: string;
  /** Directories of more plugins. */
  readonly plugins?: readonly string[];
}

/**
 * A container runtime: `cnitool`, which calls plugins by libcni as containerd and CRI-O do. It reads the configuration, runs all
 * plugins of a chain, keeps results, and gives them to CHECK and DEL.
 */
export class CniRuntime {
  readonly #program: string;
  readonly #options: RuntimeOptions;

  private constructor(program: string, options: RuntimeOptions) {
    this.#program = program;
    this.#options = options;
    mkdirSync(join(options.cacheDir, 'cni'), { recursive: true });
  }

  /** Builds it the first time. */
  static async create(options: RuntimeOptions): Promise<CniRuntime> {
    const progress = linesOf((line) => process.stderr.write(line));
    const module = { name: 'cnitool', packages: ['github.com/containernetworking/cni/cnitool'] };
    return new CniRuntime(join(await ensureBuilt(module, progress), 'cnitool'), options);
  }

  /** @param pod of CNI_ARGS: `namespace/name` */
  async call(
    command: 'add' | 'check' | 'del' | 'status',
    network: string,
    netns: string,
    pod?: string,
  ): Promise<RuntimeAnswer> {
    const { configDir, cacheDir, node, socket, plugins = [] } = this.#options;
    const [namespace, name] = pod?.split('/') ?? [];
    const env = {
      PATH: process.env.PATH,
      CNI_PATH: [dirname(cniPlugin), ...plugins].join(':'),
      NETCONFPATH: configDir,
      SLUICE_CNI_SOCKET: socket,
      ...(pod === undefined ? {} : { CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${name}` }),
    };
    // libcni keeps results below /var/lib/cni, and the IPAM plugins their addresses: here, and not on the machine.
    const inOwn = 'mount --bind "$0" /var/lib && exec "$@"';
    const program = [this.#program, command, network, netns];
    const args = [`--net=${node}`, '--', 'unshare', '--mount', 'sh', '-c', inOwn, cacheDir, ...program];
    try {
      const { stdout, stderr } = await promisify(execFile)('nsenter', args, { env });
      return { status: 0, result: parse(stdout), error: stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code?: unknown; stdout?: string; stderr?: string };
      if (typeof code !== 'number') throw error;
      return { status: code, result: parse(stdout ?? ''), error: stderr ?? '' };
    }
  }
}

const parse = (text: string) => (text.trim() === '' ? undefined : (JSON.parse(text) as PluginOutput));

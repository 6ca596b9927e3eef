import { spawn } from 'node:child_process';
import { join } from 'node:path';

/** As `make setup` compiles it. */
export const cniPlugin = join(import.meta.dirname, '../../.cache/native/sluice-cni');

export interface PluginRun {
  readonly status: number | null;
  /** Standard output, parsed; undefined where it is empty. */
  readonly output: PluginOutput | undefined;
}

/** A result or an error, as the CNI specification has them; every field that one of them has. */
export interface PluginOutput {
  readonly cniVersion?: string;
  readonly code?: number;
  readonly msg?: string;
  readonly details?: string;
  readonly supportedVersions?: string[];
  readonly interfaces?: { name: string; mac?: string; mtu?: number; sandbox?: string }[];
  readonly ips?: { address: string; gateway?: string; interface?: number }[];
  readonly routes?: { dst: string; gw?: string }[];
}

/** Runs the plugin as a container runtime does: nothing but the call's variables in its environment. */
export async function runPlugin(
  environment: Readonly<Record<string, string>>,
  config: object | string,
  socket?: string,
  program = cniPlugin,
): Promise<PluginRun> {
  const env = { ...environment, ...(socket === undefined ? {} : { SLUICE_CNI_SOCKET: socket }) };
  const child = spawn(program, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  // It may end without having read all of it.
  child.stdin.on('error', () => {});
  child.stdin.end(typeof config === 'string' ? config : JSON.stringify(config));
  const status = await new Promise<number | null>((done, failed) => {
    child.once('error', failed);
    child.once('close', done);
  });
  const text = Buffer.concat(chunks).toString();
  return { status, output: text === '' ? undefined : (JSON.parse(text) as PluginOutput) };
}

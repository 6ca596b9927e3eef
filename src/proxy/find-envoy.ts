import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { Fault } from '../lib/fault.ts';

export interface EnvoyBinary {
  readonly path: string;
  /** As Envoy prints it: `1.40.0`. */
  readonly version: string;
}

/** Early header mutations in dynamic modules (`native/`) came with this one. */
export const oldestEnvoy = '1.40.0';

/** The checkout, whether this file runs from src/ or from dist/. */
const root = join(import.meta.dirname, '../..');

/** Where `libsluice.so` is: Envoy's module search path. `SLUICE_MODULES` overrides it. */
export function modulesDir(env: NodeJS.ProcessEnv = process.env): string {
  return env.SLUICE_MODULES || join(root, '.cache/native');
}

/**
 * The Envoy to run: `$SLUICE_ENVOY` (and then no other), the one on PATH if it is new enough, the one that `make setup`
 * downloaded.
 * @throws Fault ENVOY_NOT_FOUND, ENVOY_TOO_OLD (of `$SLUICE_ENVOY`), ENVOY_UNUSABLE (it does not print a version)
 */
export async function findEnvoy(
  options: { env?: NodeJS.ProcessEnv; cached?: string; signal?: AbortSignal } = {},
): Promise<EnvoyBinary> {
  const { env = process.env, cached = join(root, '.cache/envoy/envoy'), signal } = options;
  if (env.SLUICE_ENVOY) {
    if (!(await executable(env.SLUICE_ENVOY))) {
      throw new Fault('ENVOY_NOT_FOUND', `SLUICE_ENVOY=${env.SLUICE_ENVOY} is no file that can be executed`, {
        hint: "unset SLUICE_ENVOY and run 'make setup', which downloads one",
      });
    }
    const version = await envoyVersion(env.SLUICE_ENVOY, signal);
    if (compareVersions(version, oldestEnvoy) >= 0) return { path: env.SLUICE_ENVOY, version };
    throw new Fault(
      'ENVOY_TOO_OLD',
      `SLUICE_ENVOY=${env.SLUICE_ENVOY} is Envoy ${version}; ${oldestEnvoy} or newer is needed`,
      {
        hint: "unset SLUICE_ENVOY and run 'make setup', which downloads one",
      },
    );
  }
  let passedOver = '';
  for (const path of [...onPath('envoy', env.PATH ?? ''), cached]) {
    if (!(await executable(path))) continue;
    const version = await envoyVersion(path, signal);
    if (compareVersions(version, oldestEnvoy) >= 0) return { path, version };
    passedOver = `; ${path} is ${version}, ${oldestEnvoy} or newer is needed`;
  }
  throw new Fault('ENVOY_NOT_FOUND', `no Envoy on PATH nor at ${cached}${passedOver}`, {
    hint: "run 'make setup', which downloads one, or point SLUICE_ENVOY at a binary",
  });
}

async function envoyVersion(path: string, signal?: AbortSignal): Promise<string> {
  const hint = 'it must be an executable Envoy release for this machine';
  let output: string;
  try {
    output = (await promisify(execFile)(path, ['--version'], { timeout: 10_000, ...(signal && { signal }) })).stdout;
  } catch (error) {
    throw Fault.from(error, 'ENVOY_UNUSABLE', `${path} --version`, hint);
  }
  // `envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL`
  const version = /\/(\d+\.\d+\.\d+)[^/]*\//.exec(output)?.[1];
  if (version === undefined)
    throw new Fault('ENVOY_UNUSABLE', `${path} --version printed ${JSON.stringify(output)}`, { hint });
  return version;
}

function onPath(name: string, path: string): string[] {
  return path
    .split(delimiter)
    .filter((dir) => dir !== '')
    .map((dir) => join(dir, name));
}

async function executable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  for (let i = 0; i < 3; i++) {
    const difference = (left?.[i] ?? 0) - (right?.[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Fault } from '../lib/fault.ts';

/** The chart, whether this file runs from src/ or from dist/. */
export const bundledChart = join(import.meta.dirname, '../../manifests/helm/sluice');

/** What `make setup` and the tests build: see tools/setup-helm.mjs. */
const built = (env: NodeJS.ProcessEnv) =>
  join(env.SLUICE_CACHE || join(env.HOME ?? homedir(), '.cache/sluice'), 'helm-v3.22.0/helm');

/** Which cluster Helm talks to. */
export interface HelmTarget {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace: string;
}

/**
 * The `helm` to run: `$SLUICE_HELM`, the one on PATH, or the one that a checkout has built.
 * @throws Fault HELM_NOT_FOUND
 */
export function findHelm(env: NodeJS.ProcessEnv = process.env): string {
  const onPath = (env.PATH ?? '').split(delimiter).filter(Boolean);
  const candidates = env.SLUICE_HELM ? [env.SLUICE_HELM] : [...onPath.map((dir) => join(dir, 'helm')), built(env)];
  const found = candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (found !== undefined) return found;
  throw new Fault(
    'HELM_NOT_FOUND',
    env.SLUICE_HELM ? `SLUICE_HELM=${env.SLUICE_HELM} is no file that can be executed` : 'there is no helm on PATH',
    {
      hint:
        'install Helm 3.14 or newer (https://helm.sh/docs/intro/install), or build one in a checkout with ' +
        '`tools/node tools/setup-helm.mjs`; SLUICE_HELM names one that is elsewhere',
    },
  );
}

/**
 * Runs Helm to its end; `input` goes to its standard input, for `--values -`. Resolves to what it printed.
 * @throws Fault HELM_FAILED with what Helm said
 */
export async function runHelm(
  helm: string,
  args: readonly string[],
  options: { input?: string; signal?: AbortSignal } = {},
): Promise<string> {
  const child = spawn(helm, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  // Helm may end before it has read all of it, and says why on its own.
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  try {
    const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
    if (status === 0) return stdout;
    throw helmFault(args[0] ?? '', stderr);
  } catch (error) {
    options.signal?.throwIfAborted();
    throw Fault.from(error, 'HELM_FAILED', `run ${helm}`);
  }
}

/** Helm's `Error: ...`, without its warnings, with the next step where it can be told. */
export function helmFault(command: string, stderr: string): Fault {
  const said = /^Error: ([\s\S]*)$/m.exec(stderr)?.[1]?.trim() ?? stderr.trim();
  const hint = /cannot re-use a name that is still in use/.test(said)
    ? 'it is installed already: `sluice upgrade` changes it, `sluice uninstall` removes it'
    : /has no deployed releases|release: not found|not found/.test(said) && command !== 'install'
      ? 'it is not installed there: is --namespace right? `sluice install` installs it'
      : /another operation .* is in progress/.test(said)
        ? 'wait for it; if it was killed, `helm rollback sluice` ends it'
        : /values don't meet the specifications of the schema/.test(said)
          ? 'manifests/helm/sluice/values.yaml has all values, with comments'
          : /exists and cannot be imported into the current release/.test(said)
            ? 'something else made that object: remove it first, or install into another cluster'
            : command === 'uninstall' && /post-delete/.test(said)
              ? 'a node could not be cleaned: the log of the Job sluice-cleanup names it. The DaemonSet sluice-cleanup stays, and cleans it when it ' +
                'comes back; `sluice uninstall --no-node-cleanup` or `sluice install` deletes that'
              : undefined;
  return new Fault('HELM_FAILED', `helm ${command}: ${said}`, hint === undefined ? {} : { hint });
}

/**
 * How long Helm is to wait when it uninstalls, as its `--timeout`: what the release's nodes may take to be cleaned, and two minutes for the
 * Job that waits for them to start; not less than Helm's own five minutes. Nothing where there is no release, which is for `uninstall` to say.
 */
export async function uninstallTimeout(
  helm: string,
  target: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  try {
    const printed = await runHelm(helm, ['get', 'values', 'sluice', ...target, '--all', '--output', 'json'], {
      signal,
    });
    const { nodeCleanup } = JSON.parse(printed) as { nodeCleanup?: { timeout?: string } };
    const [, number, unit] = /^(\d+)(ms|s|m)$/.exec(nodeCleanup?.timeout ?? '') ?? [];
    const seconds = Math.ceil(Number(number ?? 0) * { ms: 0.001, s: 1, m: 60 }[(unit ?? 's') as 'ms' | 's' | 'm']);
    return ['--timeout', `${Math.max(300, seconds + 120)}s`];
  } catch (error) {
    if (error instanceof Fault) return [];
    throw error;
  }
}

export function targetFlags({ kubeconfig, context, namespace }: HelmTarget): string[] {
  return [
    '--namespace',
    namespace,
    ...(kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig]),
    ...(context === undefined ? [] : ['--kube-context', context]),
  ];
}

/** Values in the order in which they win: what was discovered, files, `--set`. */
export interface ValueFlags {
  readonly files: readonly string[];
  readonly set: readonly string[];
}

export function valueFlags({ files, set }: ValueFlags): string[] {
  // Discovered values come on standard input.
  return [
    ...['--values', '-'],
    ...files.flatMap((file) => ['--values', file]),
    ...set.flatMap((each) => ['--set', each]),
  ];
}

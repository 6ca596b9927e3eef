import { access } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Fault } from '../lib/fault.ts';
import { createLog } from '../lib/log.ts';
import { Envoy } from './envoy.ts';
import type { LogLevel } from './log-lines.ts';
import { sharedPaths } from './shared-paths.ts';

export interface RunExternalEnvoyOptions {
  /** The agent's. */
  readonly stateDir: string;
  readonly concurrency?: number;
  /** ms */
  readonly drainTime: number;
  readonly logLevel: Exclude<LogLevel, 'trace'>;
}

/** ms between looks for the bootstrap: the agent writes it in its first moments. */
const interval = 20;

/**
 * The other side of `ExternalEnvoy`: waits for the bootstrap, then keeps Envoy running with it. Resolves once Envoy runs, to
 * what ends it in good order.
 * @throws Fault of `Envoy.start`, or the signal's reason
 */
export async function runExternalEnvoy(
  options: RunExternalEnvoyOptions,
  signal: AbortSignal,
): Promise<() => Promise<void>> {
  const { bootstrap, envoyDir } = sharedPaths(options.stateDir);
  const logger = createLog({ level: options.logLevel, format: 'json' });
  logger.info({ bootstrap }, 'waiting for the bootstrap');
  while (!(await isThere(bootstrap))) await delay(interval, undefined, { signal });
  const envoy = new Envoy({
    ...{ stateDir: envoyDir, bootstrap: { file: bootstrap }, logger, logLevel: options.logLevel },
    drainTime: options.drainTime,
    ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
  });
  await envoy.start(signal);
  logger.info('Envoy serves');
  return () => envoy.stop();
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw Fault.from(
      error,
      'BOOTSTRAP_READ',
      `read ${path}`,
      "the state directory must be the agent's, and this its user",
    );
  }
}

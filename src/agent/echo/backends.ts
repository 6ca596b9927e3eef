import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { isIP } from 'node:net';
import { fileURLToPath } from 'node:url';
import { objectKey, type Pod } from '../../api/index.ts';
import type { Log } from '../../lib/log.ts';
import type { Collection } from '../../store/index.ts';
import type { EchoTarget } from './server.ts';

/** On a Pod: `echo` makes `sluice run` answer on its address and container ports itself. Nothing from the folder is executed. */
export const embeddedBackendAnnotation = 'embedded.sluice.dev/backend';

export interface EchoBackends {
  /** There are Pods to answer for. */
  readonly running: boolean;
  close(): Promise<void>;
}

/** Keeps one child process in step with the annotated Pods; it runs only while there are any. Loopback addresses only. */
export function runEchoBackends(pods: Collection<Pod>, log: Log): EchoBackends {
  let child: ChildProcess | undefined;
  let told = '';
  const sync = () => {
    const targets = [...pods.values()].flatMap((pod) => echoTargets(pod, log));
    const message = JSON.stringify(targets);
    if (message === told || (targets.length === 0 && child === undefined)) return;
    told = message;
    child ??= start();
    child.send(targets);
  };
  const start = () => {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const started = fork(fileURLToPath(new URL(`./server.${extension}`, import.meta.url)), [], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // Ctrl-C on a terminal is for us: it answers until Envoy has drained, and ends when the channel to us closes.
      detached: true,
    });
    started.on(
      'message',
      ({ pod, address, port, error }: { pod: string; address: string; port: number; error: string }) =>
        log.warn(`backend of Pod ${pod}: listen on ${address}:${port}: ${error}`),
    );
    started.on('exit', (code, signal) => {
      if (child !== started) return;
      child = undefined;
      told = '';
      log.warn(`the embedded backends ended (${signal ?? code}); starting them again`);
      setTimeout(sync, 100).unref();
    });
    return started;
  };
  const stop = pods.observe(sync);
  sync();
  return {
    get running() {
      return child !== undefined;
    },
    async close() {
      stop();
      const running = child;
      child = undefined;
      if (running === undefined || running.exitCode !== null) return;
      const gone = once(running, 'exit');
      running.disconnect();
      running.kill();
      await gone;
    },
  };
}

function echoTargets(pod: Pod, log: Log): EchoTarget[] {
  if (pod.metadata.annotations[embeddedBackendAnnotation] !== 'echo') return [];
  const address = pod.status.podIPs[0];
  if (address === undefined || isIP(address) === 0 || !(address.startsWith('127.') || address === '::1')) {
    log.warn(
      `Pod ${objectKey(pod)}: ${embeddedBackendAnnotation} needs a loopback address in status.podIP, such as 127.0.1.1`,
    );
    return [];
  }
  return pod.spec.containers
    .flatMap((container) => container.ports)
    .filter((port) => port.protocol === 'TCP')
    .map((port) => ({ pod: objectKey(pod), address, port: port.containerPort }));
}

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { type KubeClient, openKube, pathOf, type RawObject } from '../../src/kube/index.ts';
import { type Binaries, ensureBinaries } from '../cluster/binaries.ts';
import { type Component, componentPid, signalComponent, stopComponent } from '../cluster/component.ts';
import { allComponents } from '../cluster/components.ts';
import { auditLog } from '../cluster/control-plane.ts';
import { down, knownTestbeds } from '../cluster/down.ts';
import { loadImageEverywhere } from '../cluster/images.ts';
import { entering } from '../cluster/namespaces.ts';
import { adminKubeconfig } from '../cluster/pki.ts';
import { linesOf } from '../cluster/progress.ts';
import { defaults, type Member, type Settings } from '../cluster/settings.ts';
import { run } from '../cluster/shell.ts';
import { gateSocket } from '../cluster/start-gate.ts';
import { startAny, up } from '../cluster/up.ts';
import { watchUntil } from '../cluster/watch-until.ts';
import { type ClusterReply, type ClusterRequest, connectThrough, fetchThrough } from './cluster-network.ts';

/** One request to the API server, as its audit log has it; the fields that tests read. */
export interface AuditEvent {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly userAgent?: string;
  readonly requestURI: string;
  readonly objectRef?: {
    readonly resource?: string;
    readonly subresource?: string;
    readonly apiGroup?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code?: number };
  readonly requestReceivedTimestamp: string;
}

/** A testbed (`e2e/cluster`) as tests use it. */
export interface ClusterRig {
  readonly settings: Settings;
  /** Of the administrator; works in this process and in those that it starts. */
  readonly kubeconfig: string;
  readonly binaries: Binaries;
  /** As the administrator. */
  readonly kube: KubeClient;
  /** Runs it to its end and gives what it printed. */
  kubectl(...args: readonly string[]): Promise<string>;
  /** Server-side apply, of any number of documents. */
  apply(yaml: string, namespace?: string): Promise<void>;
  remove(yaml: string, namespace?: string): Promise<void>;
  /** Waits, by a watch, until an object of a kind fits; `undefined` stands for one that does not exist. */
  waitFor(
    kind: string,
    name: string,
    what: string,
    fits: (object: RawObject | undefined) => unknown,
    options?: { readonly namespace?: string; readonly timeout?: number },
  ): Promise<void>;
  /** Runs a command in the control plane's network, as a client would, or on a node, and gives what it printed. */
  exec(where: Member, ...command: readonly string[]): Promise<string>;
  /** The command that runs another there, for processes that the test holds itself. */
  commandIn(where: Member, ...command: readonly string[]): readonly string[];
  /** From the control plane's network. */
  connect(address: string, port: number): Promise<Socket>;
  fetch(url: string, options?: ClusterRequest): Promise<ClusterReply>;
  /** Imports an image archive into every node. */
  load(archive: string): Promise<void>;
  /** `kube-apiserver`, `node-1/kubelet`. */
  component(name: string): RigComponent;
  /** What the API server was asked for so far. */
  audit(): AuditEvent[];
  stop(): Promise<void>;
}

export interface RigComponent {
  pid(): number | undefined;
  stop(signal?: NodeJS.Signals): Promise<void>;
  start(): Promise<void>;
  /** SIGSTOP and SIGCONT make one that hangs. */
  signal(signal: NodeJS.Signals): void;
}

export type ClusterOptions = Partial<Settings>;

/** For `SLUICE_CLUSTER=keep`: the testbed is taken as it is and left as it is, so that a test can be run again and again. */
const keep = process.env.SLUICE_CLUSTER === 'keep';

/** The first start on a machine builds Kubernetes. ms */
const firstStart = 30 * 60_000;

/**
 * A testbed for the tests of the enclosing `describe`: up before them, down after them. What this gives is to be called in
 * the tests.
 */
export function useCluster(options: ClusterOptions = {}): () => ClusterRig {
  let rig: ClusterRig | undefined;
  before('testbed up', async function () {
    this.timeout(firstStart);
    rig = await startCluster(options);
  });
  after('testbed down', async () => {
    await rig?.stop();
  });
  return () => {
    if (rig === undefined) throw new Error('the testbed is there in tests and hooks only');
    return rig;
  };
}

/** By default a testbed of this process alone; one that is kept is named `test`. */
export async function startCluster(options: ClusterOptions = {}): Promise<ClusterRig> {
  const wanted = { ...defaults, name: keep ? 'test' : `${ownPrefix}${process.pid}`, ...options };
  const progress = linesOf((line) => process.stderr.write(line));
  const guard = keep ? undefined : startGuard(wanted.name);
  try {
    // What an earlier run has left may hold anything.
    if (!keep) for (const name of [wanted.name, ...abandoned()]) await down(name, progress);
    const { settings } = await up(wanted, progress);
    return createRig(settings, await ensureBinaries(progress), async () => {
      // First, or it would take down what is started next under this name.
      guard?.kill('SIGKILL');
      if (!keep) await down(settings.name, progress);
    });
  } catch (error) {
    guard?.kill('SIGKILL');
    throw error;
  }
}

const ownPrefix = 'test-';

/** Testbeds of processes that have ended, and whose guards have ended before them. */
const abandoned = (): string[] =>
  knownTestbeds().filter((name) => {
    const pid = new RegExp(`^${ownPrefix}(\\d+)$`).exec(name)?.[1];
    return pid !== undefined && !existsSync(`/proc/${pid}`);
  });

/** Takes the testbed down when this process ends in whichever way: the kernel closes the pipe. */
function startGuard(name: string): ChildProcess {
  const main = join(import.meta.dirname, '../cluster/main.ts');
  const guard = spawn(process.execPath, [main, 'down', '--name', name, '--after-input'], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.unref();
  (guard.stdin as unknown as Socket).unref();
  return guard;
}

function createRig(settings: Settings, binaries: Binaries, takeDown: () => Promise<void>): ClusterRig {
  const { name } = settings;
  const kubeconfig = adminKubeconfig(name);
  const kube = openKube({ kubeconfig, userAgent: 'sluice-tests' });
  const commandIn = (where: Member, ...command: readonly string[]) =>
    entering({ name, member: where, scope: where === 'control-plane' ? 'network' : 'all', owned: true }, command);
  const kubectl = (args: readonly string[], input = '') =>
    run([binaries.kubectl, ...args], {
      ...{ input, title: `kubectl ${args.join(' ')}` },
      env: { ...process.env, KUBECONFIG: kubeconfig },
    });
  const inNamespace = (namespace: string | undefined) => (namespace === undefined ? [] : ['--namespace', namespace]);
  return {
    ...{ settings, binaries, kubeconfig, kube, commandIn },
    kubectl: (...args) => kubectl(args),
    async apply(yaml, namespace) {
      await kubectl(['apply', '--server-side', '--force-conflicts', ...inNamespace(namespace), '-f', '-'], yaml);
    },
    async remove(yaml, namespace) {
      await kubectl(['delete', '--ignore-not-found', ...inNamespace(namespace), '-f', '-'], yaml);
    },
    async waitFor(kind, object, what, fits, { namespace, timeout } = {}) {
      const path = pathOf(kind, namespace === undefined ? {} : { namespace });
      const query = { fieldSelector: `metadata.name=${object}` };
      const watching = {
        path,
        query,
        what: `${kind} ${object}: ${what}`,
        ...(timeout === undefined ? {} : { timeout }),
      };
      await watchUntil(kube, watching, ([found]) => Boolean(fits(found)));
    },
    exec: (where, ...command) => run(commandIn(where, ...command), { title: `${where}: ${command.join(' ')}` }),
    connect: (address, port) => connectThrough(gateSocket(name), address, port),
    fetch: (url, options) => fetchThrough(gateSocket(name), url, options),
    load: (archive) => loadImageEverywhere(settings, binaries.ctr, archive),
    component: (wanted) => rigComponent(settings, componentNamed(settings, binaries, wanted)),
    audit: () => parseAudit(readFileSync(auditLog(name))),
    async stop() {
      kube.close();
      await takeDown();
    },
  };
}

function componentNamed(settings: Settings, binaries: Binaries, wanted: string): Component {
  const found = allComponents(settings, binaries).find(({ name }) => name === wanted);
  if (found === undefined) throw new Error(`the testbed has no component ${wanted}`);
  return found;
}

const rigComponent = (settings: Settings, component: Component): RigComponent => ({
  pid: () => componentPid(settings.name, component),
  stop: (signal) => stopComponent(settings.name, component, signal),
  start: () => startAny(settings, component),
  signal: (signal) => signalComponent(settings.name, component, signal),
});

/** One JSON object a line; the last may still be being written. */
function parseAudit(log: Buffer): AuditEvent[] {
  const events: AuditEvent[] = [];
  let start = 0;
  // Line by line: a long run's log is longer than a string can be.
  for (let end = log.indexOf('\n'); end >= 0; end = log.indexOf('\n', start)) {
    events.push(JSON.parse(log.toString('utf8', start, end)) as AuditEvent);
    start = end + 1;
  }
  return events;
}

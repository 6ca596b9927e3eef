import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removePins } from '../../src/datapath/index.ts';
import { cniPlugin, type PluginOutput, runPlugin } from './cni-plugin.ts';
import { LabNetwork, type Netns } from './lab-network.ts';
import { type Program, startProgram } from './program.ts';
import { temporaryDir } from './proxy-rig.ts';
import { Traffic } from './traffic.ts';

const cli = join(import.meta.dirname, '../../src/cli/main.ts');

/** A pod: a network namespace that the CNI plugin was called for. */
export interface LabPod {
  readonly name: string;
  readonly namespace: string;
  readonly netns: Netns;
  readonly containerId: string;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly traffic: Traffic;
  readonly result: PluginOutput;
}

/** A node: a network namespace with `sluice run --datapath=ebpf` in it. */
export interface LabNode {
  readonly name: string;
  readonly netns: Netns;
  readonly stateDir: string;
  readonly bpffs: string;
  readonly traffic: Traffic;
  program: Program;
  /** Adds a pod by the real plugin; its Pod object is written first, as the kubelet knows it from there. */
  addPod(name: string, options?: PodOptions): Promise<LabPod>;
  /** One call of the plugin for a pod. */
  call(
    command: string,
    pod: Pick<LabPod, 'containerId' | 'netns' | 'name' | 'namespace'>,
    config?: object,
  ): ReturnType<typeof runPlugin>;
  deletePod(pod: LabPod): Promise<void>;
  kill(): Promise<void>;
  /** Starts the agent again, as a supervisor would. */
  start(...args: string[]): Promise<void>;
  /** Starts it and kills it (-9) after so many ms, wherever it is by then: at its start, or in the middle of something. */
  startFor(ms: number): Promise<void>;
}

export interface PodOptions {
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ports?: readonly { readonly name: string; readonly containerPort: number; readonly protocol?: string }[];
  readonly serviceAccountName?: string;
}

export interface DatapathRigOptions {
  readonly nodes?: number;
  /** Flags of every node; or those of the node of that name. */
  readonly args?: readonly string[] | ((node: string) => readonly string[]);
  /** A fourth machine that is on the nodes' network and not of the cluster: 192.0.2.100, 2001:db8::100. */
  readonly outside?: boolean;
}

/** Machines on one network, with objects in one folder that all nodes read. */
export interface DatapathRig {
  readonly lab: LabNetwork;
  readonly nodes: readonly LabNode[];
  /** Not of the cluster; with `outside`. */
  readonly outside: Traffic | undefined;
  readonly outsideNetns: Netns | undefined;
  /** Saves an object as careful programs do. */
  write(object: object): void;
  remove(kind: string, name: string, namespace?: string): void;
  stop(): Promise<void>;
}

const netConfig = { cniVersion: '1.1.0', name: 'sluice', type: 'sluice-cni' };

/** Node `i` is 192.0.2.(i+1) and 2001:db8::(i+1), its Pods are of 10.1.i.0/24 and fd00:1:i::/112. */
export async function startDatapathRig(options: DatapathRigOptions = {}): Promise<DatapathRig> {
  const temporary = temporaryDir();
  const lab = new LabNetwork();
  const folder = join(temporary.path, 'k8s');
  const shared = join(temporary.path, 'shared');
  for (const dir of [folder, shared]) mkdirSync(dir);
  const nodes: LabNode[] = [];
  const fileOf = (kind: string, name: string, namespace = '') =>
    join(folder, `${kind}.${namespace}.${name}.json`.toLowerCase());
  const write: DatapathRig['write'] = (object) => {
    const { kind, metadata } = object as { kind: string; metadata: { name: string; namespace?: string } };
    const path = fileOf(kind, metadata.name, metadata.namespace);
    writeFileSync(`${path}.tmp`, JSON.stringify(object));
    renameSync(`${path}.tmp`, path);
  };
  const stop = async () => {
    await Promise.all(nodes.map(({ program }) => program.stop()));
    for (const { bpffs } of nodes) removePins(bpffs);
    lab.close();
    temporary[Symbol.dispose]();
  };
  try {
    const wire = lab.add('wire');
    wire.ip('link', 'add', 'br0', 'type', 'bridge');
    wire.ip('link', 'set', 'br0', 'up');
    const plug = (netns: Netns, device: string, number: number) => {
      lab.connect({ netns: wire, device, addresses: [] }, { netns, device: 'eth0', addresses: [] });
      wire.ip('link', 'set', device, 'master', 'br0');
      netns.ip('address', 'add', `192.0.2.${number}/24`, 'dev', 'eth0');
      netns.ip('address', 'add', `2001:db8::${number}/64`, 'dev', 'eth0', 'nodad');
    };
    let outside: Netns | undefined;
    if (options.outside === true) {
      outside = lab.add('outside');
      plug(outside, 'outside', 100);
    }
    for (const namespace of ['default', 'shop'])
      write({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: namespace, labels: { 'kubernetes.io/metadata.name': namespace } },
      });
    for (let i = 0; i < (options.nodes ?? 1); i++) {
      const name = `node-${i}`;
      write({
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name, labels: { 'kubernetes.io/hostname': name } },
        spec: { podCIDRs: [`10.1.${i}.0/24`, `fd00:1:${i}::/112`] },
        status: {
          addresses: [
            { type: 'InternalIP', address: `192.0.2.${i + 1}` },
            { type: 'InternalIP', address: `2001:db8::${i + 1}` },
          ],
        },
      });
      // What is outside knows the way, as the router of a network would.
      outside?.ip('route', 'add', `10.1.${i}.0/24`, 'via', `192.0.2.${i + 1}`);
      outside?.ip('route', 'add', `fd00:1:${i}::/112`, 'via', `2001:db8::${i + 1}`);
    }
    for (let i = 0; i < (options.nodes ?? 1); i++) {
      const netns = lab.add(`node${i}`);
      // As many distributions have it.
      netns.sysctl('net.ipv4.conf.all.rp_filter', 1);
      plug(netns, `node${i}`, i + 1);
      netns.ip('route', 'add', 'default', 'via', '192.0.2.100');
      netns.ip('route', 'add', 'default', 'via', '2001:db8::100');
      nodes.push(
        await startNode(`node-${i}`, netns, lab, {
          temporary: temporary.path,
          folder,
          shared,
          write,
          args: typeof options.args === 'function' ? options.args(`node-${i}`) : (options.args ?? []),
        }),
      );
    }
    return {
      ...{ lab, nodes, write, stop },
      outside: outside === undefined ? undefined : new Traffic(outside.path),
      outsideNetns: outside,
      remove: (kind, name, namespace) => rmSync(fileOf(kind, name, namespace)),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface NodeContext {
  readonly temporary: string;
  readonly folder: string;
  readonly shared: string;
  readonly args: readonly string[];
  readonly write: DatapathRig['write'];
}

async function startNode(name: string, netns: Netns, lab: LabNetwork, context: NodeContext): Promise<LabNode> {
  const { temporary, folder, shared } = context;
  const stateDir = join(temporary, name);
  const bpffs = `/sys/fs/bpf/sluice-test-${process.pid}-${name}`;
  const flags = {
    '--datapath': 'ebpf',
    '--node-name': name,
    '--state-dir': stateDir,
    '--bpffs': bpffs,
    '--publish': shared,
    '--metrics-address': 'off',
    '--concurrency': 1,
    '--drain-time': '0ms',
    '--log-level': 'info',
    '--log-format': 'json',
  };
  const small = ['conntrack4=65536', 'conntrack6=65536', 'ipcache4=16384', 'ipcache6=16384', 'events=1048576'];
  const args = [
    `--net=${netns.path}`,
    '--',
    process.execPath,
    cli,
    'run',
    folder,
    shared,
    ...Object.entries(flags).flatMap(([flag, value]) => [flag, `${value}`]),
    ...small.flatMap((size) => ['--map-size', size]),
    ...context.args,
  ];
  const start = (...more: string[]) => startProgram('nsenter', [...args, ...more], /^Ready after/m);
  let pods = 0;
  const node: LabNode = {
    ...{ name, netns, stateDir, bpffs, traffic: new Traffic(netns.path) },
    program: await start().catch((error: unknown) => {
      removePins(bpffs);
      throw error;
    }),
    call(command, pod, config = netConfig) {
      const environment = {
        CNI_COMMAND: command,
        CNI_CONTAINERID: pod.containerId,
        CNI_NETNS: pod.netns.path,
        CNI_IFNAME: 'eth0',
        CNI_PATH: join(cniPlugin, '..'),
        CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${pod.namespace};K8S_POD_NAME=${pod.name};K8S_POD_INFRA_CONTAINER_ID=${pod.containerId}`,
      };
      return runPlugin(environment, config, join(stateDir, 'cni.sock'));
    },
    async addPod(podName, { namespace = 'default', labels = {}, ports = [], serviceAccountName } = {}) {
      context.write({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: podName, namespace, labels },
        spec: {
          nodeName: name,
          ...(serviceAccountName === undefined ? {} : { serviceAccountName }),
          containers: [{ name: 'app', image: 'app', ports }],
        },
      });
      const pod = {
        ...{ name: podName, namespace, netns: lab.add(`${name}-${pods}`) },
        containerId: `${name}-${process.pid}-${pods++}`.replaceAll('.', '-'),
      };
      const { status, output } = await node.call('ADD', pod);
      if (status !== 0 || output === undefined) throw new Error(`ADD of ${podName}: ${JSON.stringify(output)}`);
      const addresses = (output.ips ?? []).map(({ address }) => address.replace(/\/.*/, ''));
      return {
        ...pod,
        ipv4: addresses.find((address) => !address.includes(':')) ?? '',
        ipv6: addresses.find((address) => address.includes(':')) ?? '',
        traffic: new Traffic(pod.netns.path),
        result: output,
      };
    },
    async deletePod(pod) {
      const { status, output } = await node.call('DEL', pod);
      if (status !== 0) throw new Error(`DEL of ${pod.name}: ${JSON.stringify(output)}`);
      lab.remove(pod.netns);
    },
    async kill() {
      node.program.kill('SIGKILL');
      await node.program.ended;
    },
    async start(...more) {
      node.program = await start(...more);
    },
    async startFor(ms) {
      const killed = ['--signal=KILL', `${ms / 1000}`, 'nsenter', ...args];
      await startProgram('timeout', killed, /^Ready after/m).then(
        ({ ended }) => ended,
        () => {},
      );
    },
  };
  return node;
}

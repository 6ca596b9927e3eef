import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dnsServiceAddress, families, list } from './addresses.ts';
import type { Binaries } from './binaries.ts';
import type { Component } from './component.ts';
import { kubeconfigFile, pkiDir } from './pki.ts';
import { nodeName, type Settings, stateDir } from './settings.ts';
import type { Command } from './shell.ts';

export const containerdSocket = '/run/containerd/containerd.sock';
export const pauseImage = 'testbed.sluice.dev/pause:1';

const configDir = (settings: Settings, number: number): string =>
  join(stateDir(settings.name), 'config', nodeName(number));

/** containerd first: the others need it. */
export function nodeComponents(settings: Settings, binaries: Binaries, number: number): Component[] {
  const node = nodeName(number);
  const dir = configDir(settings, number);
  const component = (name: string, ...command: Command): Component => ({
    name: `${node}/${name}`,
    member: node,
    scope: 'all',
    command,
  });
  return [
    component('containerd', binaries.containerd, '--config', join(dir, 'containerd.toml')),
    component(
      'kubelet',
      binaries.kubelet,
      `--config=${join(dir, 'kubelet.yaml')}`,
      `--kubeconfig=${kubeconfigFile(settings.name, node)}`,
      `--hostname-override=${node}`,
      `--node-ip=${list(settings, (family) => family.node(number))}`,
      '--root-dir=/var/lib/kubelet',
      '-v=2',
    ),
    ...(settings.proxy === 'none'
      ? []
      : [component('kube-proxy', binaries['kube-proxy'], `--config=${join(dir, 'kube-proxy.yaml')}`)]),
  ];
}

/** Files that a node's components read, on the machine: the node sees the state directory. */
export function writeNodeConfig(settings: Settings, number: number): void {
  const dir = configDir(settings, number);
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'containerd.toml'), containerdConfig);
  const json = (file: string, value: object) =>
    writeFileSync(join(dir, file), `${JSON.stringify(value, undefined, 2)}\n`);
  json('kubelet.yaml', kubeletConfig(settings, nodeName(number)));
  json('kube-proxy.yaml', proxyConfig(settings, nodeName(number)));
  if (settings.cni === 'reference') json('10-testbed.conflist', cniConfig(settings, number));
}

/** To run as the node, after its root is there and before its components. */
export function prepareNodeComponents(settings: Settings, binaries: Binaries, number: number): Command[] {
  const { cni } = binaries;
  if (settings.cni === 'none') return [];
  return [
    ['cp', ...['bridge', 'host-local', 'loopback', 'portmap'].map((plugin) => join(cni, plugin)), '/opt/cni/bin/'],
    ['cp', join(configDir(settings, number), '10-testbed.conflist'), '/etc/cni/net.d/'],
  ];
}

const containerdConfig = `version = 2
[grpc]
  address = "${containerdSocket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  # The kubelet asks for scores below the machine's own, which a container of this machine may not set.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
`;

const kubeletConfig = (settings: Settings, node: string) => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  containerRuntimeEndpoint: `unix://${containerdSocket}`,
  cgroupDriver: 'cgroupfs',
  failCgroupV1: false,
  failSwapOn: false,
  enforceNodeAllocatable: [],
  makeIPTablesUtilChains: false,
  authentication: {
    anonymous: { enabled: false },
    webhook: { enabled: true },
    x509: { clientCAFile: join(pkiDir(settings.name), 'ca.crt') },
  },
  authorization: { mode: 'Webhook' },
  tlsCertFile: join(pkiDir(settings.name), `${node}.crt`),
  tlsPrivateKeyFile: join(pkiDir(settings.name), `${node}.key`),
  clusterDNS: [dnsServiceAddress],
  clusterDomain: 'cluster.local',
  resolvConf: '/etc/resolv.conf',
  maxPods: 250,
  // Images are loaded by hand and come from nowhere else; a full disk of the machine is not the node's matter.
  imageGCHighThresholdPercent: 100,
  evictionHard: { 'nodefs.available': '0%', 'imagefs.available': '0%', 'memory.available': '50Mi' },
  serializeImagePulls: false,
  nodeStatusUpdateFrequency: '4s',
  nodeLeaseDurationSeconds: 20,
  kubeAPIQPS: 200,
  kubeAPIBurst: 400,
  eventRecordQPS: 0,
});

const proxyConfig = (settings: Settings, node: string) => ({
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  mode: settings.proxy,
  hostnameOverride: node,
  clientConnection: { kubeconfig: kubeconfigFile(settings.name, 'kube-proxy'), qps: 200, burst: 400 },
  clusterCIDR: list(settings, ({ pods }) => pods),
  bindAddress: '0.0.0.0',
  // Once a second is the default, and what every test of a new Service would wait for.
  nftables: { minSyncPeriod: '0.1s' },
  iptables: { minSyncPeriod: '0.1s' },
  // These are the whole machine's; zero leaves them as they are.
  conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
});

const cniConfig = (settings: Settings, number: number) => ({
  cniVersion: '1.0.0',
  name: 'testbed',
  plugins: [
    {
      type: 'bridge',
      bridge: 'cni0',
      isGateway: true,
      ipMasq: false,
      hairpinMode: true,
      ipam: {
        type: 'host-local',
        ranges: families(settings).map((family) => [{ subnet: family.nodePods(number) }]),
        routes: families(settings).map(({ everything }) => ({ dst: everything })),
      },
    },
    { type: 'portmap', backend: 'nftables', capabilities: { portMappings: true } },
  ],
});

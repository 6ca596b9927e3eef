import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { controlPlaneAddress, list } from './addresses.ts';
import type { Binaries } from './binaries.ts';
import type { Component } from './component.ts';
import { kubeconfigFile, pkiDir } from './pki.ts';
import { type Settings, stateDir } from './settings.ts';
import type { Command } from './shell.ts';

/** Where the control plane's own tmpfs is mounted, in its mount namespace only: etcd's data, serving certificates. */
const scratch = (name: string): string => join(stateDir(name), 'control-plane');

export const auditLog = (name: string): string => join(stateDir(name), 'log/audit.log');
const auditPolicy = (name: string): string => join(stateDir(name), 'config/audit-policy.yaml');

/** Files that the control plane reads. */
export function writeControlPlaneConfig(settings: Settings): void {
  mkdirSync(scratch(settings.name), { recursive: true });
  // Verbs and resources of every request; not the requests and answers, which hold Secrets.
  const policy = {
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived'],
    rules: [{ level: 'None', nonResourceURLs: ['/readyz*', '/livez*', '/healthz*'] }, { level: 'Metadata' }],
  };
  writeFileSync(auditPolicy(settings.name), `${JSON.stringify(policy, undefined, 2)}\n`);
}

/** To run as the control plane, before its components. */
export const prepareControlPlane = (settings: Settings): Command[] => [
  ['mount', '--make-rprivate', '/'],
  ['mount', '-t', 'proc', 'proc', '/proc'],
  ['mount', '-t', 'tmpfs', '-o', 'size=2g,mode=700', 'etcd', scratch(settings.name)],
];

export function controlPlaneComponents(settings: Settings, binaries: Binaries): Component[] {
  const { name } = settings;
  const component = (program: string, file: string, flags: Readonly<Record<string, string | number | boolean>>) => ({
    name: program,
    member: 'control-plane' as const,
    scope: 'all' as const,
    command: [file, ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)],
  });
  return [
    component('etcd', binaries.etcd, etcdFlags(name)),
    component('kube-apiserver', binaries['kube-apiserver'], apiServerFlags(settings)),
    component('kube-controller-manager', binaries['kube-controller-manager'], {
      ...clientFlags(name, 'kube-controller-manager'),
      'root-ca-file': join(pkiDir(name), 'ca.crt'),
      'service-account-private-key-file': join(pkiDir(name), 'sa.key'),
      'use-service-account-credentials': true,
      'cluster-signing-cert-file': join(pkiDir(name), 'ca.crt'),
      'cluster-signing-key-file': join(pkiDir(name), 'ca.key'),
      // Nodes are created with their CIDRs, as the routes to them are made before.
      'allocate-node-cidrs': false,
      'cluster-cidr': list(settings, ({ pods }) => pods),
      'service-cluster-ip-range': list(settings, ({ services }) => services),
      // Sooner than the default of 50 s, so that tests of lost nodes end; late enough for a busy machine.
      'node-monitor-period': '2s',
      'node-monitor-grace-period': '30s',
    }),
    component('kube-scheduler', binaries['kube-scheduler'], clientFlags(name, 'kube-scheduler')),
  ];
}

const etcdFlags = (name: string) => ({
  'data-dir': join(scratch(name), 'etcd'),
  'listen-client-urls': 'http://127.0.0.1:2379',
  'advertise-client-urls': 'http://127.0.0.1:2379',
  'listen-peer-urls': 'http://127.0.0.1:2380',
  'initial-advertise-peer-urls': 'http://127.0.0.1:2380',
  'initial-cluster': 'default=http://127.0.0.1:2380',
  // One member needs no time to find the others; and its data is in memory anyway.
  'heartbeat-interval': 10,
  'election-timeout': 50,
});

function apiServerFlags(settings: Settings) {
  const { name } = settings;
  const pki = (file: string) => join(pkiDir(name), file);
  return {
    'etcd-servers': 'http://127.0.0.1:2379',
    'bind-address': '0.0.0.0',
    'advertise-address': controlPlaneAddress(settings),
    'secure-port': settings.apiPort,
    'tls-cert-file': pki('kube-apiserver.crt'),
    'tls-private-key-file': pki('kube-apiserver.key'),
    'client-ca-file': pki('ca.crt'),
    'service-cluster-ip-range': list(settings, ({ services }) => services),
    'authorization-mode': 'Node,RBAC',
    'enable-admission-plugins': 'NodeRestriction',
    'allow-privileged': true,
    'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
    'service-account-key-file': pki('sa.pub'),
    'service-account-signing-key-file': pki('sa.key'),
    'kubelet-client-certificate': pki('apiserver-kubelet-client.crt'),
    'kubelet-client-key': pki('apiserver-kubelet-client.key'),
    'kubelet-certificate-authority': pki('ca.crt'),
    'kubelet-preferred-address-types': 'InternalIP',
    'audit-policy-file': auditPolicy(name),
    'audit-log-path': auditLog(name),
    'audit-log-format': 'json',
    // Megabytes; else it would begin another file after 100, and who reads it would miss the first.
    'audit-log-maxsize': 1_000_000,
    profiling: false,
  };
}

const clientFlags = (name: string, client: string) => ({
  kubeconfig: kubeconfigFile(name, client),
  'authentication-kubeconfig': kubeconfigFile(name, client),
  'authorization-kubeconfig': kubeconfigFile(name, client),
  'bind-address': '127.0.0.1',
  'leader-elect': false,
  'cert-dir': join(scratch(name), client),
  // At the default of 20 requests in a second the controllers start five seconds late.
  'kube-api-qps': 300,
  'kube-api-burst': 600,
  profiling: false,
});

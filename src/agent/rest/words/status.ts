import type { DatapathView } from '../view/datapath-view.ts';
import type { ControllerView, MonitorView } from '../view/node-view.ts';
import type { IpamView } from '../view/state-view.ts';
import { nodeElement } from './addressing.ts';

const disabled = { state: 'Disabled', msg: 'not used' } as const;

/** A StatusResponse: what `cilium status` prints. What this agent does not do is said to be disabled. */
export function statusResponse(view: DatapathView, brief: boolean) {
  const health = view.health();
  const state = { state: health.state, msg: health.problems.join('; ') || 'all is well' };
  if (brief) return { cilium: state };
  const nodes = [...view.nodes()].map((node) => nodeElement(node, view.cluster));
  const maps = [...view.maps()];
  return {
    cilium: state,
    kvstore: { state: 'Disabled', msg: 'state is in Kubernetes objects' },
    'container-runtime': { state: 'Disabled', msg: 'by CNI alone' },
    kubernetes: {
      state: health.kubernetes.state,
      msg: health.kubernetes.message,
      'k8s-api-versions': health.kubernetes.apis,
    },
    'host-firewall': { mode: health.hostFirewall ? 'Enabled' : 'Disabled', devices: health.devices },
    hubble: disabled,
    // Nothing about services: Cilium's client takes each of their features for given where there is anything.
    ipam: ipamStatus(view.ipam),
    nodeMonitor: monitorStatus(health.monitor),
    cluster: { self: `${view.cluster}/${view.node}`, ciliumHealth: disabled, nodes },
    controllers: health.controllers.map(controllerStatus),
    proxy: { 'total-ports': 0, 'total-redirects': 0, redirects: [] },
    'identity-range': { 'min-identity': 256, 'max-identity': 65_535 },
    'bandwidth-manager': { enabled: false },
    masquerading: { enabled: false, enabledProtocols: { ipv4: false, ipv6: false } },
    'host-routing': { mode: health.hostRouting },
    'clock-source': { mode: 'ktime' },
    'bpf-maps': { maps: maps.map(({ name, maxEntries }) => ({ name, size: maxEntries })) },
    encryption: { mode: 'Disabled' },
    'cni-chaining': { mode: health.chaining },
  };
}

export function monitorStatus({ cpus, pages, pageSize, lost, unknown }: MonitorView) {
  return { cpus, npages: pages, pagesize: pageSize, lost, unknown };
}

function ipamStatus(ipam: IpamView) {
  const all = [...ipam.allocations()];
  const used = (v6: boolean) => all.filter(([address]) => address.includes(':') === v6).map(([address]) => address);
  const line = (family: string, v6: boolean, total: bigint, ranges: readonly string[]) =>
    ranges.length === 0 ? [] : [`${family}: ${used(v6).length}/${total} allocated from ${ranges.join(', ')}`];
  return {
    allocations: Object.fromEntries(all),
    ipv4: used(false),
    ipv6: used(true),
    status: [
      ...line('IPv4', false, ipam.capacity.ipv4, ipam.ipv4Ranges),
      ...line('IPv6', true, ipam.capacity.ipv6, ipam.ipv6Ranges),
    ].join(', '),
  };
}

function controllerStatus(controller: ControllerView) {
  const time = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString());
  const succeeded = time(controller.lastSuccess);
  const failed = time(controller.lastFailure);
  return {
    name: controller.name,
    status: {
      'success-count': controller.successes,
      'failure-count': controller.failures,
      'consecutive-failure-count': controller.consecutiveFailures,
      ...(succeeded === undefined ? {} : { 'last-success-timestamp': succeeded }),
      ...(failed === undefined ? {} : { 'last-failure-timestamp': failed }),
      ...(controller.lastError === undefined ? {} : { 'last-failure-msg': controller.lastError }),
    },
  };
}

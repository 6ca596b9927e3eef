import type { LabNetwork, Netns } from '../../support/lab-network.ts';
import { Traffic } from '../../support/traffic.ts';

/** A pod on plain Linux: the same interface, addresses and routes that the CNI plugin makes, and no program. */
export interface PlainPod {
  readonly netns: Netns;
  readonly traffic: Traffic;
  readonly ipv4: string;
}

/**
 * What Linux does by itself, to compare with: nodes on one bridge, routes to each other's Pod CIDRs (or the kernel's own VXLAN
 * device), pods behind veths. `nodes[i]` has 10.2.i.0/24.
 */
export function plainNetwork(lab: LabNetwork, how: 'direct' | 'vxlan', name = 'plain') {
  const wire = lab.add(`${name}-wire`);
  wire.ip('link', 'add', 'br0', 'type', 'bridge');
  wire.ip('link', 'set', 'br0', 'up');
  const nodes = [0, 1].map((i) => {
    const netns = lab.add(`${name}-node${i}`);
    lab.connect(
      { netns: wire, device: `n${i}`, addresses: [] },
      { netns, device: 'eth0', addresses: [`192.0.2.${i + 1}/24`] },
    );
    wire.ip('link', 'set', `n${i}`, 'master', 'br0');
    netns.sysctl('net.ipv4.ip_forward', 1);
    const other = 1 - i;
    if (how === 'direct') netns.ip('route', 'add', `10.2.${other}.0/24`, 'via', `192.0.2.${other + 1}`);
    else {
      const tunnel = [
        'id',
        '42',
        'dstport',
        '8472',
        'remote',
        `192.0.2.${other + 1}`,
        'local',
        `192.0.2.${i + 1}`,
        'dev',
        'eth0',
      ];
      netns.ip('link', 'add', 'vx0', 'address', `02:00:00:00:01:0${i}`, 'type', 'vxlan', ...tunnel);
      netns.ip('link', 'set', 'vx0', 'up');
      netns.ip('neigh', 'add', '169.254.9.9', 'lladdr', `02:00:00:00:01:0${other}`, 'dev', 'vx0', 'nud', 'permanent');
      netns.ip('route', 'add', `10.2.${other}.0/24`, 'via', '169.254.9.9', 'dev', 'vx0', 'onlink');
    }
    return netns;
  });
  const mtu = how === 'vxlan' ? 1450 : 1500;
  let pods = 0;
  const addPod = (node: number): PlainPod => {
    const number = ++pods;
    const netns = lab.add(`${name}-pod${number}`);
    const [pod, host] = [`02:00:00:00:02:0${number}`, `02:00:00:00:03:0${number}`];
    const ipv4 = `10.2.${node}.${number}`;
    nodes[node]!.ip(
      'link',
      'add',
      `p${number}`,
      'mtu',
      `${mtu}`,
      'address',
      host,
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'mtu',
      `${mtu}`,
      'address',
      pod,
      'netns',
      netns.name,
    );
    nodes[node]!.ip('link', 'set', `p${number}`, 'up');
    netns.ip('link', 'set', 'eth0', 'up');
    netns.ip('address', 'add', `${ipv4}/32`, 'dev', 'eth0');
    netns.ip('neigh', 'add', '169.254.1.1', 'lladdr', host, 'dev', 'eth0', 'nud', 'permanent');
    netns.ip('route', 'add', 'default', 'via', '169.254.1.1', 'dev', 'eth0', 'onlink');
    nodes[node]!.ip('route', 'add', `${ipv4}/32`, 'dev', `p${number}`, 'scope', 'link');
    nodes[node]!.ip('neigh', 'add', ipv4, 'lladdr', pod, 'dev', `p${number}`, 'nud', 'permanent');
    return { netns, ipv4, traffic: new Traffic(netns.path) };
  };
  return { nodes, addPod };
}

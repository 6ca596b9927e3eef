import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { DatapathOptions } from '../../agent/datapath/options.ts';
import { mapContents } from '../../datapath/index.ts';
import { ipamModes } from '../../network/ipam/index.ts';
import { duration, port } from '../arguments.ts';

/** What flags say of the datapath. */
export interface DatapathFlags {
  datapath: 'none' | 'ebpf';
  nodeName?: string;
  clusterName: string;
  bpffs: string;
  cniSocket?: string;
  cniConfDir?: string;
  cniChainingTarget?: string;
  apiSocket?: string;
  routing: 'direct' | 'vxlan';
  tunnelPort: number;
  devices: string[];
  mtu: number;
  ipv4: boolean;
  ipv6: boolean;
  ipam: DatapathOptions['ipam'];
  enableUnreachableRoutes?: boolean;
  policyEnforcement: DatapathOptions['enforcement'];
  policyAudit?: boolean;
  allowLocalhost: 'auto' | 'always' | 'policy';
  hostFirewall?: boolean;
  fastPath: boolean;
  labels: string;
  mapSize: Record<string, number>;
  checkInterval: number;
  verdictEvents: boolean;
  traceEvents: DatapathOptions['events']['traces'];
  monitorInterval: number;
  publish?: string;
}

/** Adds every option of the datapath; `datapath` itself is `none` unless it is asked for. */
export function datapathOptions(command: Command): Command {
  return command
    .optionsGroup('L3-L4 datapath:')
    .addOption(
      new Option('--datapath <kind>', 'none: all of L7, without root; ebpf: pods, policy and routing in the kernel too')
        .choices(['none', 'ebpf'])
        .default('none'),
    )
    .option('--cluster-name <name>', 'a part of the identity of every pod', 'default')
    .addOption(
      new Option('--routing <how>', 'between nodes: by routes, or encapsulated')
        .choices(['direct', 'vxlan'])
        .default('direct'),
    )
    .option('--tunnel-port <port>', 'UDP port of VXLAN', port, 8472)
    .option(
      '--devices <names>',
      'towards other nodes, separated by commas; default: those with a default route',
      list,
      [],
    )
    .option('--mtu <bytes>', "of pods' interfaces; default: that of the devices, less what a tunnel takes", bytes, 0)
    .option('--no-ipv4', 'no IPv4 addresses for pods')
    .option('--no-ipv6', 'no IPv6 addresses for pods')
    .addOption(
      new Option('--ipam <mode>', 'where Pod CIDRs come from: the Node object, or the CiliumNode')
        .choices(ipamModes)
        .default('kubernetes'),
    )
    .option(
      '--enable-unreachable-routes',
      'addresses that no pod of the node has (any more) are answered with "host unreachable"',
    )
    .addOption(
      new Option('--policy-enforcement <mode>', 'default: pods are open until a policy selects them')
        .choices(['default', 'always', 'never'])
        .default('default'),
    )
    .option('--policy-audit', 'let through what policies would drop, and tell')
    .addOption(
      new Option('--allow-localhost <mode>', 'policy: the node reaches its own pods only as policies say')
        .choices(['auto', 'always', 'policy'])
        .default('auto'),
    )
    .option('--host-firewall', 'policies with a nodeSelector are in force')
    .option('--no-fast-path', "deliver by the node's stack alone, past nothing")
    .option('--labels <patterns>', 'labels that make identities: [!][source:]regex, separated by spaces', '')
    .option(
      '--map-size <map=entries>',
      `most entries of a map, may be repeated: ${Object.keys(mapContents).join(', ')}`,
      mapSize,
      {},
    )
    .addOption(
      new Option(
        '--check-interval <duration>',
        'time between two looks for what others changed of maps, programs and routes, to mend it; 0s: only at the start',
      )
        .argParser(duration)
        .default(60_000, '1m'),
    )
    .option('--no-verdict-events', 'no event for each new connection that a policy decides about')
    .addOption(
      new Option(
        '--trace-events <when>',
        'events for other connections and what goes on after; followed: while somebody reads them as they come, such as `sluice monitor`',
      )
        .choices(['followed', 'always', 'never'])
        .default('followed'),
    )
    .addOption(
      new Option(
        '--monitor-interval <duration>',
        'least time between two trace events of one connection; 0s: each packet',
      )
        .argParser(duration)
        .default(5000, '5s'),
    )
    .option('--bpffs <dir>', 'where maps and links are pinned: in a BPF file system', '/sys/fs/bpf/sluice')
    .option(
      '--cni-conf-dir <dir>',
      'keep 05-sluice.conflist in it, by which the container runtime calls the CNI plugin; default: somebody else does',
    )
    .option('--cni-chaining-target <network>', "attach to the pods of another CNI plugin's network, by its name")
    .option('--cni-socket <path>', 'where the CNI plugin finds this; default: cni.sock in the state directory')
    .option('--api-socket <path>', "the Cilium agent's REST API also there: tools look in /var/run/cilium/cilium.sock");
}

/** Undefined without a datapath. */
export function toDatapathOptions(flags: DatapathFlags & { stateDir: string }): DatapathOptions | undefined {
  if (flags.datapath === 'none') return undefined;
  return {
    node: flags.nodeName ?? hostname(),
    cluster: flags.clusterName,
    stateDir: flags.stateDir,
    bpffs: flags.bpffs,
    cniSocket: flags.cniSocket ?? join(flags.stateDir, 'cni.sock'),
    ...(flags.apiSocket === undefined ? {} : { apiSocket: flags.apiSocket }),
    routing: flags.routing,
    tunnelPort: flags.tunnelPort,
    devices: flags.devices,
    mtu: flags.mtu,
    families: { ipv4: flags.ipv4, ipv6: flags.ipv6 },
    ipam: flags.ipam,
    unreachableRoutes: flags.enableUnreachableRoutes === true,
    enforcement: flags.policyEnforcement,
    audit: flags.policyAudit === true,
    allowLocalhost: flags.allowLocalhost !== 'policy',
    hostFirewall: flags.hostFirewall === true,
    fastPath: flags.fastPath,
    labels: flags.labels,
    mapSizes: flags.mapSize,
    checkInterval: flags.checkInterval,
    events: { verdicts: flags.verdictEvents, traces: flags.traceEvents, interval: flags.monitorInterval },
    ...(flags.cniConfDir === undefined ? {} : { cniConfDir: flags.cniConfDir }),
    ...(flags.cniChainingTarget === undefined ? {} : { cniChainingTarget: flags.cniChainingTarget }),
    ...(flags.publish === undefined ? {} : { publishDir: flags.publish }),
  };
}

const list = (value: string): string[] => value.split(',').filter((name) => name !== '');

function bytes(value: string): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < 1280 || number > 65_535)
    throw new InvalidArgumentError('an MTU is a number from 1280 (the least of IPv6) to 65535.');
  return number;
}

function mapSize(value: string, before: Record<string, number>): Record<string, number> {
  const [, name = '', entries = ''] = /^(\w+)=(\d+)$/.exec(value) ?? [];
  if (!Object.hasOwn(mapContents, name) || Number(entries) < 1 || Number(entries) > 2 ** 31)
    throw new InvalidArgumentError(
      `MAP=ENTRIES is needed, where MAP is one of ${Object.keys(mapContents).join(', ')}.`,
    );
  return { ...before, [name]: Number(entries) };
}

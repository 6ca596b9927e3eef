import { type DatapathRig, startDatapathRig } from '../../support/datapath-rig.ts';
import { LabNetwork } from '../../support/lab-network.ts';
import { until } from '../../support/until.ts';
import { atLeast, type Bench, type BenchContext, type Figure, figure } from '../bench.ts';
import { plainNetwork } from '../support/plain-network.ts';
import {
  compare,
  type Layout,
  layouts,
  type Path,
  ports,
  type Samples,
  type Speed,
  serve,
} from '../support/pod-speed.ts';
import { median } from '../support/statistics.ts';

const identities = 1000;

export const datapath: Bench = {
  name: 'datapath',
  about: 'pod to pod with our datapath, against plain Linux routing and nftables',
  run: direct,
};

export const datapathTunnel: Bench = {
  name: 'datapath-tunnel',
  about: 'pod to pod through VXLAN with our datapath, against the kernel’s own',
  run: tunnel,
};

async function direct(context: BenchContext): Promise<Figure[]> {
  const rig = await startRig(context, ['--routing', 'direct']);
  const lab = new LabNetwork();
  context.defer(() => lab.close());
  const plain = plainNetwork(lab, 'direct');
  const filtered = plainNetwork(lab, 'direct', 'nft');
  const [a, b] = [await pod(rig, 0, 'client'), await pod(rig, 0, 'server')];
  const c = await pod(rig, 1, 'server');
  const unprotected = await pod(rig, 0, 'other');
  const [pa, pb, pc] = [plain.addPod(0), plain.addPod(0), plain.addPod(1)];
  const [fa, fb] = [filtered.addPod(0), filtered.addPod(0)];
  filter(filtered.nodes[0]!, fa.ipv4);
  const near = { ours: { from: a, to: b }, plain: { from: pa, to: pb }, nft: { from: fa, to: fb } };
  const open = { from: a, to: unprotected };
  const far = { ours: { from: a, to: c }, plain: { from: pa, to: pc } };
  for (const path of [near.ours, open, near.plain, near.nft, far.ours, far.plain]) context.defer(await serve(path));
  await until('the other node to know the pods', async () => (await a.traffic.tcp(c.ipv4, 8080)) === 'ok');

  const figures: Figure[] = [];
  figures.push(...(await against('pod to pod on one node', near.ours, 'plain Linux routing', near.plain, context)));
  figures.push(...(await against('pod to pod across two nodes', far.ours, 'plain Linux routing', far.plain, context)));
  allow(rig);
  await until(
    'the policy to be in force',
    async () => (await a.traffic.udp(b.ipv4, 8080, { wait: 200 })) === 'timeout',
  );
  context.progress(`${identities} identities allowed`);
  const [closed, without, nft] = await compare([near.ours, open, near.nft], rounds(context), seconds);
  const what = `pod to pod on one node, ${identities} identities allowed`;
  figures.push(...ratios(what, closed!, 'no policy', without!, 0.97));
  figures.push(...ratios(what, closed!, `nftables with a set of ${identities} addresses`, nft!, 1));
  return figures;
}

async function tunnel(context: BenchContext): Promise<Figure[]> {
  const rig = await startRig(context, ['--routing', 'vxlan']);
  const lab = new LabNetwork();
  context.defer(() => lab.close());
  const plain = plainNetwork(lab, 'vxlan', 'vx');
  const ours = { from: await pod(rig, 0, 'client'), to: await pod(rig, 1, 'server') };
  const theirs = { from: plain.addPod(0), to: plain.addPod(1) };
  for (const path of [ours, theirs]) context.defer(await serve(path));
  await until(
    'the other node to know the pods',
    async () => (await ours.from.traffic.tcp(ours.to.ipv4, 8080)) === 'ok',
  );
  return against('pod to pod across two nodes through VXLAN', ours, 'the kernel’s own VXLAN route', theirs, context);
}

async function against(what: string, ours: Path, name: string, theirs: Path, context: BenchContext): Promise<Figure[]> {
  context.progress(`${what}, against ${name}`);
  const [mine, other] = await compare([ours, theirs], rounds(context), seconds);
  return ratios(what, mine!, name, other!, 0.97);
}

function ratios(what: string, ours: Speed, name: string, theirs: Speed, goal: number): Figure[] {
  const one = (layout: Layout, key: keyof Samples, label: string, unit: string) => {
    const [mine, other] = [ours[layout][key], theirs[layout][key]];
    // Of each round: what comes and goes between rounds is then in neither.
    const ratio = median(mine.map((rate, round) => rate / other[round]!));
    const named = `${what}, ${layout}: ${label}`;
    return [figure(named, median(mine), unit), figure(`${named}, against ${name}`, ratio, '', { goal: atLeast(goal) })];
  };
  return (Object.keys(layouts) as Layout[]).flatMap((layout) => [
    ...one(layout, 'stream', 'throughput', 'Gbit/s'),
    ...one(layout, 'requests', 'requests on one connection', '/s'),
    ...one(layout, 'connections', 'connections', '/s'),
  ]);
}

async function startRig(context: BenchContext, args: readonly string[]): Promise<DatapathRig> {
  const rig = await startDatapathRig({ nodes: 2, args });
  context.defer(() => rig.stop());
  return rig;
}

let pods = 0;
const pod = (rig: DatapathRig, node: number, app: string) =>
  rig.nodes[node]!.addPod(`${app}-${pods++}`, { labels: { app } });

/** So many identities that are allowed, of which the client's is one. */
function allow(rig: DatapathRig): void {
  for (let i = 0; i < identities - 1; i++)
    rig.write({
      apiVersion: 'cilium.io/v2',
      kind: 'CiliumIdentity',
      metadata: { name: `${20_000 + i}` },
      'security-labels': { 'k8s:group': 'allowed', 'k8s:member': `${i}`, 'k8s:io.kubernetes.pod.namespace': 'default' },
    });
  rig.write({
    apiVersion: 'cilium.io/v2',
    kind: 'CiliumNetworkPolicy',
    metadata: { name: 'server', namespace: 'default' },
    spec: {
      endpointSelector: { matchLabels: { app: 'server' } },
      ingress: [
        {
          fromEndpoints: [{ matchLabels: { group: 'allowed' } }, { matchLabels: { app: 'client' } }],
          toPorts: [{ ports: ports.map((port) => ({ port: `${port}`, protocol: 'TCP' })) }],
        },
      ],
    },
  });
}

/** The same by nftables on the node: stateful, a set of addresses, everything else dropped. */
function filter(node: { run(command: string, ...args: string[]): string }, client: string): void {
  const others = Array.from({ length: identities - 1 }, (_, i) => `10.9.${i >> 8}.${i & 255}`);
  const rules = `table ip filter {
    set allowed { type ipv4_addr; elements = { ${[client, ...others].join(', ')} } }
    chain forward { type filter hook forward priority 0; policy drop;
      ct state established,related accept
      ip saddr @allowed tcp dport { ${ports.join(', ')} } accept
    }
  }`;
  node.run('nft', rules);
}

/** Ratios of single rounds have a standard deviation of about 5 %; of 24 rounds' median it is a quarter of that. */
const rounds = ({ quick }: BenchContext) => (quick ? 1 : 24);
const seconds = 1;

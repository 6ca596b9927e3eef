import assert from 'node:assert/strict';
import { type DatapathRig, type LabPod, startDatapathRig } from './support/datapath-rig.ts';
import { type PolicyCase, peerCases, policyCases, policyPods } from './support/policy-cases.ts';
import type { Program } from './support/program.ts';
import type { Traffic } from './support/traffic.ts';
import { until } from './support/until.ts';

interface Host {
  readonly traffic: Traffic;
  readonly addresses: readonly string[];
}

/** ms. What is dropped takes all of it; for what is allowed there is more time, as it takes a moment anyway. */
const hurried = 400;

/** Ways of packets, and what is held against each: who the other side is travels in another way through a tunnel. */
const variants: readonly {
  readonly title: string;
  readonly args: readonly string[];
  readonly cases: readonly PolicyCase[];
}[] = [
  { title: 'policies on two nodes', args: ['--host-firewall'], cases: policyCases },
  {
    title: 'policies on two nodes with a tunnel between them and no fast path',
    args: ['--routing=vxlan', '--no-fast-path'],
    cases: peerCases,
  },
];

for (const { title, args, cases } of variants)
  describe(title, () => {
    let rig: DatapathRig;
    const hosts = new Map<string, Host>();
    const programs: Program[] = [];

    before(async () => {
      rig = await startDatapathRig({ nodes: 2, outside: true, args });
      for (const [i, node] of rig.nodes.entries())
        hosts.set(node.name, { traffic: node.traffic, addresses: [`192.0.2.${i + 1}`, `2001:db8::${i + 1}`] });
      hosts.set('outside', { traffic: rig.outside!, addresses: ['192.0.2.100', '2001:db8::100'] });
      for (const [name, { node, ...pod }] of Object.entries(policyPods)) {
        const { traffic, ipv4, ipv6 }: LabPod = await rig.nodes[node]!.addPod(name, pod);
        hosts.set(name, { traffic, addresses: [ipv4, ipv6] });
      }
      for (const { traffic } of hosts.values()) programs.push(await traffic.serve(8080, 9090));
    });
    after(async () => {
      await Promise.all(programs.map((program) => program.stop()));
      await rig?.stop();
    });

    /** `client server tcp/8080`, in both families: what came of it, where it is not the same in both with the family. */
    async function outcome(line: string, patience: number | undefined): Promise<string> {
      const [from = '', to = '', what = ''] = line.split(' ');
      const [protocol, port] = what.split('/');
      const { traffic } = hosts.get(from)!;
      const outcomes = await Promise.all(
        hosts
          .get(to)!
          .addresses.map((address) =>
            protocol === 'icmp'
              ? traffic.ping(address, patience)
              : protocol === 'udp'
                ? traffic.udp(address, Number(port), { wait: patience })
                : traffic.tcp(address, Number(port), patience),
          ),
      );
      const [v4, v6] = outcomes;
      return v4 === v6 ? `${v4}` : `IPv4 ${v4}, IPv6 ${v6}`;
    }
    /** Those whose outcome is another one. */
    async function others(
      lines: readonly string[],
      wanted: string,
      patience = wanted === 'ok' ? undefined : hurried,
    ): Promise<string[]> {
      const found = await Promise.all(lines.map(async (line) => [line, await outcome(line, patience)] as const));
      return found.flatMap(([line, got]) => (got === wanted ? [] : [`${line}: ${got}`]));
    }

    it('are not there: all reach each other', async () => {
      const lines = [
        'client server',
        'far server',
        'shopper server',
        'outside server',
        'node-0 server',
        'client outside',
      ];
      assert.deepEqual(
        await others(
          lines.map((line) => `${line} tcp/8080`),
          'ok',
        ),
        [],
      );
      assert.deepEqual(
        await others(
          lines.map((line) => `${line} icmp`),
          'ok',
        ),
        [],
      );
    });

    for (const { title, objects, allowed, dropped } of cases)
      it(title, async () => {
        for (const object of objects) rig.write(object);
        try {
          let wrong: string[] = [];
          await until(
            () => `these to be dropped: ${wrong.join('; ')}`,
            async () => {
              wrong = await others(dropped, 'timeout');
              return wrong.length === 0;
            },
          );
          assert.deepEqual(await others(allowed, 'ok'), []);
          assert.deepEqual(await others(dropped, 'timeout'), []);
        } finally {
          for (const object of objects) {
            const { kind, metadata } = object as { kind: string; metadata: { name: string; namespace?: string } };
            rig.remove(kind, metadata.name, metadata.namespace);
          }
        }
        let wrong: string[] = [];
        await until(
          () => `these to be allowed again: ${wrong.join('; ')}`,
          async () => {
            wrong = await others(dropped, 'ok', hurried);
            return wrong.length === 0;
          },
        );
      });

    it('let nothing through that only a proxy for L7 could, and that is told', async () => {
      const ports = [{ port: '8080', protocol: 'TCP' }];
      rig.write({
        ...{ apiVersion: 'cilium.io/v2', kind: 'CiliumNetworkPolicy', metadata: { name: 'l7', namespace: 'default' } },
        spec: {
          endpointSelector: { matchLabels: { app: 'server' } },
          ingress: [
            { fromEndpoints: [{}], toPorts: [{ ports, rules: { http: [{ method: 'GET' }] } }] },
            { fromEndpoints: [{}], toPorts: [{ ports: [{ port: '9090', protocol: 'TCP' }] }] },
          ],
        },
      });
      try {
        await until('both nodes to say so', () =>
          rig.nodes.every(({ program }) =>
            program.stderr().includes('spec.ingress[0].toPorts[0].rules needs the proxy for L7'),
          ),
        );
        const lines = ['client server tcp/8080', 'far server tcp/8080'];
        await until('it to be in force', async () => (await others(lines, 'timeout')).length === 0);
        assert.deepEqual(await others(['client server tcp/9090', 'far server tcp/9090'], 'ok'), []);
      } finally {
        rig.remove('CiliumNetworkPolicy', 'l7', 'default');
      }
    });

    it('stay in force while a change of them is wrong, and the change is told', async () => {
      const policy = (ingress: object) => ({
        ...{
          apiVersion: 'cilium.io/v2',
          kind: 'CiliumNetworkPolicy',
          metadata: { name: 'kept', namespace: 'default' },
        },
        spec: { endpointSelector: { matchLabels: { app: 'server' } }, ingress: [ingress] },
      });
      const isDropped = async () => (await others(['client server tcp/8080'], 'timeout')).length === 0;
      rig.write(policy({ fromEndpoints: [{ matchLabels: { app: 'far' } }] }));
      try {
        await until('the policy to be in force', isDropped);
        // It would allow everybody, but says whom it means in two ways.
        rig.write(policy({ fromEndpoints: [{}], fromCIDR: ['0.0.0.0/0'] }));
        await until('both nodes to say what is wrong', () =>
          rig.nodes.every(({ program }) => program.stderr().includes('has both fromEndpoints and fromCIDR')),
        );
        assert.ok(await isDropped());
        assert.deepEqual(await others(['far server tcp/8080'], 'ok'), []);
        rig.write(policy({ fromEndpoints: [{}] }));
        await until('the right policy to be in force', async () => !(await isDropped()));
      } finally {
        rig.remove('CiliumNetworkPolicy', 'kept', 'default');
      }
    });
  });

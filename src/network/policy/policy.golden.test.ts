import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dump, loadAll } from 'js-yaml';
import { parseObject } from '../../api/index.ts';
import { LabelFilter, podLabels, reserved } from '../identity/index.ts';
import {
  cidrGroupSet,
  formatRuleRef,
  fqdnSet,
  type NamedPort,
  PolicyEngine,
  type PolicyEntry,
  type PolicyObject,
  type SubjectPolicy,
} from './index.ts';

const folder = join(import.meta.dirname, 'testdata');
const filter = new LabelFilter();
const cluster = 'here';

/** Who is there in every case; identities have the names of their pods. */
const pods: Readonly<
  Record<string, { id: number; labels: Record<string, string>; account?: string; ports?: NamedPort[] }>
> = {
  'shop/web': {
    id: 256,
    labels: { app: 'web', tier: 'front' },
    account: 'web',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  },
  'shop/db': { id: 257, labels: { app: 'db', tier: 'back' }, ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }] },
  'shop/cache': {
    id: 258,
    labels: { app: 'cache', tier: 'back' },
    ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
  },
  'bank/web': { id: 259, labels: { app: 'web' }, account: 'teller' },
  'kube-system/dns': { id: 260, labels: { 'k8s-app': 'kube-dns' } },
};

function labelsOf(name: string) {
  const [namespace = ''] = name.split('/');
  const { labels, account } = pods[name]!;
  const namespaceLabels = { 'kubernetes.io/metadata.name': namespace, team: namespace === 'bank' ? 'b' : 'a' };
  return podLabels({ labels, namespace, namespaceLabels, serviceAccount: account ?? 'default', cluster }, filter);
}

class Case {
  readonly engine = new PolicyEngine({ cluster, enforcement: 'default', allowLocalhost: true });
  readonly subjects = new Map<string, SubjectPolicy>();
  readonly output: unknown[] = [];
  title = 'at the start';

  constructor() {
    for (const [name, { id, ports = [] }] of Object.entries(pods)) {
      this.engine.setIdentity({ id, labels: labelsOf(name) });
      this.engine.setPeerPorts(name, id, ports);
    }
  }

  /** Documents are Kubernetes objects, and what an agent tells the engine. */
  take(document: Record<string, unknown>): void {
    const { engine } = this;
    if (typeof document.step === 'string') {
      this.settle();
      this.title = document.step;
    } else if (typeof document.subject === 'string') {
      const name = document.subject;
      this.subjects.set(name, engine.subject(labelsOf(name), pods[name]!.ports ?? []));
    } else if (Array.isArray(document.host)) {
      this.subjects.set('host', engine.hostSubject(['reserved:host', ...(document.host as string[])]));
    } else if (typeof document.mode === 'string') {
      engine.setEnforcement(document.mode as 'default');
    } else if (typeof document.group === 'string') {
      engine.setPrefixSet(cidrGroupSet(document.group), document.networks as string[]);
    } else if (typeof document.fqdn === 'string') {
      engine.setPrefixSet(fqdnSet(document.fqdn), document.networks as string[]);
    } else if (typeof document.service === 'string') {
      const [namespace = '', name = ''] = document.service.split('/');
      engine.setService(document.service, { namespace, name, labels: {}, addresses: [], ...(document.is as object) });
    } else if (typeof document.delete === 'string') {
      const [kind = '', namespace, name = ''] = document.delete.split('/');
      engine.deletePolicy({
        group: kind === 'NetworkPolicy' ? 'networking.k8s.io' : 'cilium.io',
        kind,
        name,
        namespace: namespace!,
      });
    } else {
      const { object, diagnostics } = parseObject(document);
      assert.ok(object !== undefined, `${JSON.stringify(diagnostics)}`);
      engine.setPolicy(object as PolicyObject);
    }
  }

  settle(): void {
    const { steps } = this.engine.flush();
    const networks = steps.flatMap(({ prefixes: { added, removed } }) => [
      ...added.map(({ prefix }) => `+ ${prefix.text}`),
      ...removed.map(({ prefix }) => `- ${prefix.text}`),
    ]);
    const subjects = Object.fromEntries([...this.subjects].map(([name, subject]) => [name, this.#describe(subject)]));
    this.output.push({ step: this.title, ...(networks.length === 0 ? {} : { networks }), ...subjects });
  }

  #describe(subject: SubjectPolicy) {
    return Object.fromEntries(
      (['ingress', 'egress'] as const).map((direction) => {
        const { enforced, defaultDeny, selectedBy } = subject.enforcement[direction];
        const by = selectedBy.map(formatRuleRef).join(', ');
        const otherwise = !enforced ? 'open' : defaultDeny ? `deny${by === '' ? '' : ` by ${by}`}` : 'allow';
        const entries = [...subject.entries()].filter((entry) => entry.direction === direction);
        return [
          direction,
          enforced ? { otherwise, entries: entries.map((entry) => this.#line(entry)).sort() } : otherwise,
        ];
      }),
    );
  }

  #line({ identity, protocol, port, portBits, verdict, l7, rule }: PolicyEntry): string {
    const [pod] = Object.entries(pods).find(([, { id }]) => id === identity) ?? [];
    const [word] = Object.entries(reserved).find(([, id]) => id === identity) ?? [];
    const who = identity === 0 ? 'any' : (pod ?? this.engine.cidrs.get(identity)?.prefix.text ?? word ?? identity);
    const protocols: Record<number, string> = { 1: 'ICMP', 6: 'TCP', 17: 'UDP', 58: 'ICMPv6', 132: 'SCTP' };
    const what =
      protocol === 0
        ? 'all'
        : `${protocols[protocol]}${portBits === 0 ? '' : ` ${port}${portBits === 16 ? '' : `/${portBits}`}`}`;
    const to = l7 === undefined ? '' : ` (${l7.parser}${l7.listener === undefined ? '' : ` ${l7.listener}`})`;
    return `${who}: ${verdict}${to} ${what} by ${formatRuleRef(rule)}`;
  }
}

describe('policies to entries', () => {
  const inputs = readdirSync(folder).filter((file) => file.endsWith('.in.yaml'));
  for (const input of inputs)
    it(input.slice(0, -'.in.yaml'.length), () => {
      const one = new Case();
      for (const document of loadAll(readFileSync(join(folder, input), 'utf8')))
        one.take(document as Record<string, unknown>);
      one.settle();
      const rendered = dump(one.output, { lineWidth: 160 });
      const golden = join(folder, input.replace('.in.yaml', '.out.yaml'));
      if (process.env.UPDATE_GOLDEN === '1') writeFileSync(golden, rendered);
      assert.equal(rendered, readFileSync(golden, 'utf8'));
    });

  it('have no golden without an input', () => {
    const goldens = readdirSync(folder).filter((file) => file.endsWith('.out.yaml'));
    assert.deepEqual(goldens.sort(), inputs.map((input) => input.replace('.in.yaml', '.out.yaml')).sort());
  });
});

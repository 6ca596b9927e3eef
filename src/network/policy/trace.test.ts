import assert from 'node:assert/strict';
import { refOf } from '../../api/index.ts';
import { PolicyEngine, type TracePort, type TraceStep } from './index.ts';
import { CLUSTER, ccnp, cnp, pod, selector, traffic } from './testing/objects.ts';

const web = pod('shop', { app: 'web' });
const db = pod('shop', { app: 'db' });
const tcp = (port: number | string): TracePort => ({ protocol: 'TCP', port });
const endpoints = (...of: string[]) => ({ kind: 'endpoints' as const, selectors: of.map((text) => selector(text)) });
const ports = (port: number | string, protocol: 'TCP' | 'ANY' = 'TCP') => [
  { ports: [{ port, protocol }], serverNames: [] },
];

describe('policy trace', () => {
  const engine = new PolicyEngine({ cluster: CLUSTER, enforcement: 'default', allowLocalhost: true });
  engine.setPolicy(
    cnp('shop', 'db', {
      subject: { kind: 'endpoints', selector: selector('app=db') },
      ingress: [
        traffic({ peers: endpoints('app=web'), toPorts: ports(5432) }),
        traffic({ peers: endpoints('app=web'), toPorts: ports('metrics') }),
        traffic({ peers: { kind: 'cidrs', cidrs: [{ cidr: '10.0.0.0/8', except: ['10.9.0.0/16'] }] } }),
      ],
      ingressDeny: [traffic({ peers: endpoints('app=web'), toPorts: ports(22, 'ANY') })],
    }),
  );
  engine.setPolicy(
    ccnp('ssh', {
      subject: { kind: 'nodes', selector: [] },
      ingress: [traffic({ peers: { kind: 'entities', entities: ['remote-node'] } })],
    }),
  );
  engine.setIdentity({ id: 300, labels: db });
  engine.setPeerPorts('shop/db-0', 300, [{ name: 'metrics', port: 9187, protocol: 'TCP' }]);
  engine.flush();

  const told = (steps: readonly TraceStep[]) =>
    steps.map(({ direction, verdict, reason }) => `${direction} ${verdict}: ${reason}`);
  const trace = (from: readonly string[], to: readonly string[], ...asked: TracePort[]) =>
    told(engine.trace({ from, to, ports: asked }));

  it('names the rule that decides, of the sender and of the receiver', () => {
    assert.deepEqual(trace(web, db, tcp(5432)), [
      'egress allow: Nothing is enforced for it in egress: no policy selects it there.',
      'ingress allow: shop/db ingress[0].toPorts[0] allows it.',
    ]);
  });

  it('names who puts the receiver into default deny', () => {
    assert.equal(
      trace(web, db, tcp(80))[1],
      'ingress deny: No rule allows it, and shop/db ingress puts it into default deny.',
    );
  });

  it('says what denies, also for one of the protocols asked for', () => {
    assert.equal(
      trace(web, db, { protocol: 'ANY', port: 22 })[1],
      'ingress deny: shop/db ingressDeny[0].toPorts[0] denies it.',
    );
  });

  it('knows the receiver’s names of ports', () => {
    assert.equal(trace(web, db, tcp('metrics'))[1], 'ingress allow: shop/db ingress[1].toPorts[0] allows it.');
    assert.match(trace(web, db, tcp('grpc'))[1]!, /^ingress deny: No port of the receiver has the name grpc/);
  });

  it('takes a network as a sender, by its place in the networks of rules', () => {
    assert.equal(trace(['cidr:10.1.2.3/32'], db, tcp(1))[1], 'ingress allow: shop/db ingress[2] allows it.');
    assert.match(trace(['cidr:10.9.2.3/32'], db, tcp(1))[1]!, /^ingress deny: No rule allows it/);
    assert.match(trace(db, ['cidr:10.9.2.3/32'], tcp(1))[1]!, /^ingress allow: It is no endpoint and no node/);
  });

  it('without ports tells what holds for all of them', () => {
    assert.match(trace(web, db)[1]!, /^ingress deny: No rule allows it/);
    assert.match(trace(['reserved:host'], db)[1]!, /^ingress allow: allow-localhost allows it/);
  });

  it('is about the node’s own policies too', () => {
    assert.equal(
      trace(['reserved:remote-node'], ['reserved:host', 'k8s:a=b'], tcp(22))[1],
      'ingress allow: ssh ingress[0] allows it.',
    );
  });

  it('lists every rule that matches, the one that decides first', () => {
    engine.setPolicy(
      cnp('shop', 'more', {
        subject: { kind: 'endpoints', selector: [] },
        ingress: [traffic({ peers: endpoints('app=web') })],
      }),
    );
    engine.flush();
    const [, ingress] = engine.trace({ from: web, to: db, ports: [tcp(22)] });
    assert.deepEqual(ingress?.considered, [
      'deny by shop/db ingressDeny[0].toPorts[0]',
      'allow by shop/more ingress[0]',
    ]);
    engine.deletePolicy(refOf(cnp('shop', 'more')));
    engine.flush();
  });
});

describe('numbers of rules', () => {
  it('are the same in another process, and still known when the rule is gone', () => {
    const policy = cnp('shop', 'db', { ingress: [traffic({ peers: endpoints('app=web') })] });
    const numbers = [0, 1].map(() => {
      const engine = new PolicyEngine({ cluster: CLUSTER, enforcement: 'default', allowLocalhost: false });
      engine.setIdentity({ id: 300, labels: web });
      engine.setPolicy(policy);
      const subject = engine.subject(db, []);
      engine.flush();
      const [entry] = [...subject.entries()].filter(({ direction }) => direction === 'ingress');
      engine.deletePolicy(refOf(policy));
      engine.flush();
      assert.equal(engine.rule(entry!.rule.number), entry!.rule);
      return entry!.rule.number;
    });
    assert.equal(numbers[0], numbers[1]);
    assert.ok(numbers[0]! >= 16);
  });
});

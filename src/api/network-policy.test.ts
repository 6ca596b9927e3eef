import assert from 'node:assert/strict';
import type { LabelSelector } from './core.ts';
import { parseObject } from './parse.ts';
import { matchesSelector } from './selector.ts';
import { accepted, changed, refusals } from './testing/expect.ts';

const policy = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'p', namespace: 'shop' },
  spec: {
    podSelector: { matchLabels: { app: 'web' } },
    ingress: [
      {
        from: [{ podSelector: {} }, { ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }],
        ports: [{ port: 80 }],
      },
    ],
  },
};

describe('NetworkPolicy', () => {
  it('gets the defaults of the API', () => {
    const none = { matchLabels: {}, matchExpressions: [] };
    assert.deepEqual(accepted('NetworkPolicy', policy).spec, {
      podSelector: { matchLabels: { app: 'web' }, matchExpressions: [] },
      policyTypes: ['Ingress'],
      ingress: [
        {
          peers: [{ podSelector: none }, { ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }],
          ports: [{ protocol: 'TCP', port: 80 }],
        },
      ],
      egress: [],
    });
  });

  it('isolates on the way out once it has a rule for that', () => {
    const { spec } = accepted('NetworkPolicy', changed(policy, ['spec.egress', [{}]]));
    assert.deepEqual(spec.policyTypes, ['Ingress', 'Egress']);
    assert.deepEqual(spec.egress, [{ peers: [], ports: [] }]);
    const only = accepted('NetworkPolicy', changed(policy, ['spec', { podSelector: {}, policyTypes: ['Egress'] }]));
    assert.deepEqual(only.spec.policyTypes, ['Egress']);
  });

  it('warns of rules in a direction that it leaves out', () => {
    const { object, diagnostics } = parseObject(changed(policy, ['spec.policyTypes', ['Egress']]));
    assert.ok(object);
    assert.deepEqual(
      diagnostics.map(({ severity, field }) => [severity, field]),
      [['warning', 'spec.ingress']],
    );
  });

  it('reads ports by name and range', () => {
    const ports = [{ port: 'http', protocol: 'TCP' }, { port: 1, endPort: 5, protocol: 'UDP' }, { protocol: 'SCTP' }];
    const { spec } = accepted('NetworkPolicy', changed(policy, ['spec.ingress.0.ports', ports]));
    assert.deepEqual(spec.ingress[0]?.ports, ports);
  });

  it('allows nothing by what an API server has and this version does not know', () => {
    const rules = [{ from: [{ podSelector: {} }], onlyOnSundays: true }, { from: [{ robotSelector: {} }] }, {}];
    const raw = changed(policy, ['spec.ingress', rules]);
    const { object, diagnostics } = parseObject(raw, { unknownFields: 'warning' });
    assert.ok(object?.kind === 'NetworkPolicy');
    const labels = [{}, { nobody: 'a' }, { app: 'web' }];
    const letsIn = object.spec.ingress.map(({ peers }) =>
      peers.length === 0
        ? 'everybody'
        : labels.filter((each) =>
            peers.some((peer) => 'podSelector' in peer && matchesSelector(peer.podSelector as LabelSelector, each)),
          ),
    );
    assert.deepEqual(letsIn, [[], [], 'everybody']);
    assert.ok(diagnostics.every(({ severity }) => severity === 'warning'));
  });

  const at = 'spec.ingress[0]';
  refusals(policy, [
    ['an empty peer', [['spec.ingress.0.from', [{}]]], `${at}.from[0]`, 'MissingField'],
    ['a peer of two kinds', [['spec.ingress.0.from.1.podSelector', {}]], `${at}.from[1].ipBlock`, 'InvalidValue'],
    [
      'an exception outside of its block',
      [['spec.ingress.0.from.1.ipBlock.except', ['11.0.0.0/24']]],
      `${at}.from[1].ipBlock.except[0]`,
      'InvalidValue',
    ],
    [
      'an exception that is its block',
      [['spec.ingress.0.from.1.ipBlock.except', ['10.0.0.0/8']]],
      `${at}.from[1].ipBlock.except[0]`,
      'InvalidValue',
    ],
    [
      'an address for a block',
      [['spec.ingress.0.from.1.ipBlock.cidr', '10.0.0.1']],
      `${at}.from[1].ipBlock.cidr`,
      'InvalidValue',
    ],
    [
      'a range from a name',
      [['spec.ingress.0.ports', [{ port: 'http', endPort: 90 }]]],
      `${at}.ports[0].endPort`,
      'InvalidValue',
    ],
    ['a range from nothing', [['spec.ingress.0.ports', [{ endPort: 90 }]]], `${at}.ports[0].endPort`, 'InvalidValue'],
    [
      'a range backwards',
      [['spec.ingress.0.ports', [{ port: 91, endPort: 90 }]]],
      `${at}.ports[0].endPort`,
      'InvalidValue',
    ],
    ['port 0', [['spec.ingress.0.ports', [{ port: 0 }]]], `${at}.ports[0].port`, 'InvalidValue'],
    [
      'a name of a port in capitals',
      [['spec.ingress.0.ports', [{ port: 'HTTP' }]]],
      `${at}.ports[0].port`,
      'InvalidValue',
    ],
    [
      'an unknown protocol',
      [['spec.ingress.0.ports', [{ protocol: 'ICMP' }]]],
      `${at}.ports[0].protocol`,
      'InvalidValue',
    ],
    ['an unknown direction', [['spec.policyTypes', ['Inwards']]], 'spec.policyTypes[0]', 'InvalidValue'],
    ['a direction twice', [['spec.policyTypes', ['Ingress', 'Ingress']]], 'spec.policyTypes[1]', 'DuplicateValue'],
    ['a field of Cilium', [['spec.endpointSelector', {}]], 'spec.endpointSelector', 'UnknownField'],
  ]);
});

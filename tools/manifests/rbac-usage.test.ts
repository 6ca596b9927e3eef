import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type AuditedRequest, type Role, rbacUsage } from './rbac-usage.ts';

const account = 'system:serviceaccount:kube-system:sluice';
const request = (verb: string, objectRef: AuditedRequest['objectRef'], username = account): AuditedRequest => ({
  verb,
  user: { username },
  requestURI: '/whatever',
  ...(objectRef === undefined ? {} : { objectRef }),
});
const services = { resource: 'services', apiGroup: '', namespace: 'default' };
const cluster = (...rules: Role['rules']): Role => ({ kind: 'ClusterRole', metadata: { name: 'sluice' }, rules });
const local = (...rules: Role['rules']): Role => ({
  kind: 'Role',
  metadata: { name: 'sluice', namespace: 'kube-system' },
  rules,
});
const reads = { apiGroups: [''], resources: ['services'], verbs: ['list', 'watch'] };

describe('RBAC against the audit log', () => {
  it('finds nothing where what is granted is what was asked', () => {
    const requests = [request('list', services), request('watch', services)];
    assert.deepEqual(rbacUsage(requests, account, [cluster(reads)]), { notGranted: [], unused: [] });
  });

  it('names what was asked and is not granted: by verb, group, subresource', () => {
    const requests = [
      request('delete', services),
      request('patch', { ...services, subresource: 'status' }),
      request('list', { resource: 'services', apiGroup: 'example.com' }),
    ];
    assert.deepEqual(rbacUsage(requests, account, [cluster(reads)]).notGranted, [
      'delete services in default',
      'list services.example.com',
      'patch services/status in default',
    ]);
  });

  it('names what is granted and was not asked', () => {
    assert.deepEqual(rbacUsage([request('list', services)], account, [cluster(reads)]).unused, [
      'ClusterRole sluice: watch services',
    ]);
  });

  it('knows that an apply which makes an object has to be allowed to create', () => {
    const rules = { apiGroups: [''], resources: ['services'], verbs: ['create', 'patch'] };
    const made = { ...request('patch', services), responseStatus: { code: 201 } };
    const changed = { ...request('patch', services), responseStatus: { code: 200 } };
    assert.deepEqual(rbacUsage([made], account, [cluster(rules)]), { notGranted: [], unused: [] });
    assert.deepEqual(rbacUsage([changed], account, [cluster(rules)]).unused, ['ClusterRole sluice: create services']);
  });

  it('takes a Role for its own namespace, and a resource name for that name', () => {
    const lease = {
      apiGroups: ['coordination.k8s.io'],
      resources: ['leases'],
      resourceNames: ['ours'],
      verbs: ['get'],
    };
    const ref = { resource: 'leases', apiGroup: 'coordination.k8s.io', namespace: 'kube-system', name: 'ours' };
    assert.deepEqual(rbacUsage([request('get', ref)], account, [local(lease)]), { notGranted: [], unused: [] });
    const elsewhere = rbacUsage([request('get', { ...ref, namespace: 'default' })], account, [local(lease)]);
    assert.deepEqual(elsewhere.notGranted, ['get leases.coordination.k8s.io ours in default']);
    const another = rbacUsage([request('get', { ...ref, name: 'theirs' })], account, [local(lease)]);
    assert.deepEqual(another, {
      notGranted: ['get leases.coordination.k8s.io theirs in kube-system'],
      unused: ['Role sluice: get leases.coordination.k8s.io ours in kube-system'],
    });
  });

  it('leaves out what others ask, and what everybody may ask', () => {
    const discovery = ['/api', '/apis', '/apis/gateway.networking.k8s.io', '/version', '/openapi/v3?x=1'].map(
      (requestURI): AuditedRequest => ({ verb: 'get', user: { username: account }, requestURI }),
    );
    const others = [request('delete', services, 'system:admin')];
    assert.deepEqual(rbacUsage([...discovery, ...others], account, []), { notGranted: [], unused: [] });
    const metrics = { verb: 'get', user: { username: account }, requestURI: '/metrics' };
    assert.deepEqual(rbacUsage([metrics], account, []).notGranted, ['get /metrics']);
  });

  it('finds every verb that is taken away from, or added to, roles that fit', () => {
    const verb = fc.constantFrom('get', 'list', 'watch', 'create', 'patch', 'delete');
    const resource = fc.constantFrom('services', 'secrets', 'services/status', 'leases');
    const pair = fc.tuple(verb, resource);
    const pairs = fc.uniqueArray(pair, { selector: (each) => each.join(' '), minLength: 1, maxLength: 8 });
    const roleOf = (all: readonly [string, string][]) =>
      cluster(...all.map(([verb, resource]) => ({ apiGroups: [''], resources: [resource], verbs: [verb] })));
    const asked = ([verb, resource]: [string, string]) => {
      const [name = '', subresource] = resource.split('/');
      return request(verb, { resource: name, apiGroup: '', ...(subresource === undefined ? {} : { subresource }) });
    };
    fc.assert(
      fc.property(pairs, pairs, (granted, used) => {
        const names = (all: readonly [string, string][]) => new Set(all.map((each) => each.join(' ')));
        const { notGranted, unused } = rbacUsage(used.map(asked), account, [roleOf(granted)]);
        assert.deepEqual(new Set(notGranted), names(used).difference(names(granted)));
        assert.deepEqual(
          new Set(unused.map((each) => each.replace('ClusterRole sluice: ', ''))),
          names(granted).difference(names(used)),
        );
      }),
    );
  });
});

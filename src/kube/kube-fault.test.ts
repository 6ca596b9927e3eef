import assert from 'node:assert/strict';
import { faultOfStatus } from './kube-fault.ts';

describe('faults of the API server', () => {
  const of = (status: number, reason = '', more: Record<string, unknown> = {}, header?: string) =>
    faultOfStatus('GET /x', status, { message: 'said', reason, ...more }, header);

  it('have a code for what to do about them', () => {
    const codes = [400, 401, 403, 404, 409, 410, 418, 422, 429, 500, 503].map((status) => of(status).code);
    assert.deepEqual(codes, [
      'KUBE_INVALID',
      'KUBE_UNAUTHORIZED',
      'KUBE_FORBIDDEN',
      'KUBE_NOT_FOUND',
      'KUBE_CONFLICT',
      'KUBE_GONE',
      'KUBE_REFUSED',
      'KUBE_INVALID',
      'KUBE_THROTTLED',
      'KUBE_SERVER',
      'KUBE_SERVER',
    ]);
    assert.equal(of(500, 'Expired').code, 'KUBE_GONE');
    assert.ok(of(503).transient && of(429).transient && !of(403).transient);
  });

  it('say which permission is missing, and for whom', () => {
    const message =
      'httproutes.gateway.networking.k8s.io is forbidden: User "system:serviceaccount:kube-system:sluice" cannot list resource "httproutes" in API group "gateway.networking.k8s.io" at the cluster scope';
    assert.equal(
      of(403, 'Forbidden', { message }).hint,
      'grant ServiceAccount kube-system/sluice the verb list on apiGroup "gateway.networking.k8s.io", resource "httproutes" in a role that is bound to it',
    );
    const person = message.replace('system:serviceaccount:kube-system:sluice', 'jane');
    assert.match(of(403, 'Forbidden', { message: person }).hint ?? '', /^grant user jane the verb list/);
    assert.match(of(403).hint ?? '', /can-i/);
  });

  it('say when to come again', () => {
    assert.equal(of(429, '', {}, '3').retryAfter, 3000);
    assert.equal(of(429, '', { details: { retryAfterSeconds: 2 } }).retryAfter, 2000);
    for (const header of [undefined, '', 'soon', '-1', 'Wed, 21 Oct 2015 07:28:00 GMT'])
      assert.equal(of(429, '', {}, header).retryAfter, undefined);
  });

  it('have what a proxy said instead', () => {
    const fault = faultOfStatus('GET /x', 502, '<html>bad gateway</html>\n');
    assert.equal(fault.message, 'GET /x: <html>bad gateway</html>');
    assert.equal(faultOfStatus('GET /x', 502, '').message, 'GET /x: HTTP 502');
  });
});

import assert from 'node:assert/strict';
import { holdsListeners } from './gate.ts';
import { newTypeState } from './stream-state.ts';

describe('what a changed listener waits for', () => {
  const mark = { sequence: 1, at: 0 };
  const known = { good: { version: 'v', resource: undefined }, flight: undefined, unsure: false, trouble: undefined };
  const states = () => ({ scopes: newTypeState('scoped-routes'), routes: newTypeState('routes') });

  it('is nothing where the client has no scopes', () => {
    const { scopes, routes } = states();
    routes.updates.set('web', mark);
    assert.equal(holdsListeners(scopes, routes), false);
  });

  it('is every scope and route table that is new to the client, until it is confirmed', () => {
    for (const type of ['scopes', 'routes'] as const) {
      const { scopes, routes } = states();
      scopes.started = true;
      const state = { scopes, routes }[type];
      state.updates.set('web~0/2', mark);
      assert.equal(holdsListeners(scopes, routes), true, `${type}: to be sent`);
      state.updates.clear();
      const entry = { ...known, good: undefined };
      state.entries.set('web~0/2', entry);
      const form = { type: state.type, name: 'web~0/2', body: new Uint8Array(), version: 'v', origins: [] };
      const flight = {
        ...{ nonce: '1', kind: 'update' as const, removed: [], mark, sentAt: 0, overdue: false },
        items: [{ name: 'web~0/2', entry, form, mark }],
      };
      state.flights.set('1', flight);
      assert.equal(holdsListeners(scopes, routes), true, `${type}: on its way`);
      flight.overdue = true;
      assert.equal(holdsListeners(scopes, routes), false, `${type}: given up`);
    }
  });

  it('is no change of what the client has', () => {
    const { scopes, routes } = states();
    scopes.started = true;
    routes.entries.set('web~0/1', known);
    routes.updates.set('web~0/1', mark);
    assert.equal(holdsListeners(scopes, routes), false);
  });
});

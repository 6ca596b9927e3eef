import assert from 'node:assert/strict';
import { type Netlink, type Route, routeTable, sluiceProtocol } from '../../datapath/index.ts';
import { reconcileRoutes } from './node-routes.ts';

const route = (destination: string, link: number, metric = 1024): Route => ({
  ...{ destination, link, metric, type: 'unicast', table: routeTable.main, protocol: sluiceProtocol, scope: 0 },
});

/** A kernel's routes, and devices by their index. */
function kernel(routes: Route[], links: Readonly<Record<number, string>>) {
  const placeOf = ({ destination, metric }: Route) => `${destination} ${metric}`;
  const table = new Map(routes.map((one) => [placeOf(one), one]));
  const netlink = {
    links: { list: () => Object.entries(links).map(([index, name]) => ({ index: Number(index), name })) },
    routes: {
      list: () => [...table.values()],
      replace: (one: Route) => table.set(placeOf(one), one),
      remove: (one: Route) => table.delete(placeOf(one)),
    },
  } as unknown as Netlink;
  return { netlink, destinations: () => [...table.values()].map(({ destination }) => destination).sort() };
}

describe('routes of a node', () => {
  const links = { 2: 'eth0', 7: 'slu0123456789a', 8: 'lxc0', 9: 'lxc1' };
  const wanted = [{ destination: '10.0.1.0/24', link: 2, gateway: '192.168.0.2', onLink: false }];

  it('are made what is wanted, and a second time nothing changes', () => {
    const { netlink, destinations } = kernel([route('10.0.9.0/24', 2)], links);
    assert.deepEqual(reconcileRoutes(netlink, wanted, [], []), { changed: 2, faults: [] });
    assert.deepEqual(destinations(), ['10.0.1.0/24']);
    assert.equal(reconcileRoutes(netlink, wanted, [], []).changed, 0);
  });

  it('through interfaces of pods stay, whoever made and named these', () => {
    const pods = [route('10.0.0.7/32', 7, 0), route('10.0.0.8/32', 8, 0), route('10.0.0.9/32', 9, 0)];
    const { netlink, destinations } = kernel(pods, links);
    reconcileRoutes(netlink, [], [], [8]);
    assert.deepEqual(destinations(), ['10.0.0.7/32', '10.0.0.8/32'], 'lxc1 is no endpoint’s');
  });
});

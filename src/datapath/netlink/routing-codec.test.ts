import assert from 'node:assert/strict';
import fc from 'fast-check';
import { bitsOf, formatIp, type IpFamily } from '../../lib/ip-address.ts';
import { encodeLink, type LinkSettings, parseLink } from './link.ts';
import { encodeNeighbour, type Neighbour, parseNeighbour } from './neighbour.ts';
import { encodeRoute, parseRoute, type Route, routeType } from './route.ts';
import { encodeRule, parseRule, type Rule } from './rule.ts';
import { bytes, damaged, neverFails } from './testing/garbage.ts';

const u8 = fc.nat({ max: 255 });
const u16 = fc.nat({ max: 0xffff });
const u32 = fc.nat({ max: 0xffffffff });
const index = fc.nat({ max: 0x7fffffff });
const family = fc.constantFrom<IpFamily>(4, 6);
const name = fc.stringMatching(/^[a-z0-9]{1,15}$/);
const mac = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .map((all) => Array.from(all, (byte) => byte.toString(16).padStart(2, '0')).join(':'));

const ip = (of: IpFamily) =>
  fc.bigInt({ min: 0n, max: (1n << BigInt(bitsOf(of))) - 1n }).map((value) => formatIp({ family: of, value }));
const prefix = (of: IpFamily) =>
  fc
    .tuple(fc.nat({ max: bitsOf(of) }), fc.bigInt({ min: 0n, max: (1n << BigInt(bitsOf(of))) - 1n }))
    .map(([length, value]) => {
      const host = BigInt(bitsOf(of) - length);
      return `${formatIp({ family: of, value: (value >> host) << host })}/${length}`;
    });

/** Keys whose value is undefined are left out, as parsers do. */
const tidy = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T;
const maybe = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: undefined });

const route: fc.Arbitrary<Route> = family
  .chain((of) =>
    fc.record({
      destination: prefix(of),
      type: fc.constantFrom(...(Object.keys(routeType) as (keyof typeof routeType)[])),
      link: maybe(index),
      gateway: maybe(ip(of)),
      onLink: maybe(fc.constant(true)),
      source: maybe(ip(of)),
      table: u32,
      protocol: u8,
      scope: u8,
      metric: u32,
      mtu: maybe(u32),
    }),
  )
  .map((one) => tidy(one) as Route);

const neighbour: fc.Arbitrary<Neighbour> = family
  .chain((of) =>
    fc.record({ address: ip(of), link: index, mac: maybe(mac), state: u16, isProxy: maybe(fc.constant(true)) }),
  )
  .map((one) => tidy(one) as Neighbour);

const rule: fc.Arbitrary<Rule> = family
  .chain((of) =>
    fc.record({
      family: fc.constant(of),
      priority: u32,
      table: u32,
      from: maybe(prefix(of)),
      to: maybe(prefix(of)),
      mark: maybe(u32),
      mask: maybe(u32),
      inbound: maybe(name),
      protocol: u8,
    }),
  )
  .map((one) => tidy(one) as Rule);

const settings: fc.Arbitrary<LinkSettings & { readonly name: string }> = fc
  .record({ name, mtu: u32, mac, up: fc.boolean(), alias: maybe(name) })
  .map((one) => tidy(one) as LinkSettings & { readonly name: string });

describe('netlink codec of routing', () => {
  it('reads the routes, neighbours and rules that it writes', () => {
    fc.assert(fc.property(route, (one) => assert.deepEqual(parseRoute(encodeRoute(one)), one)));
    fc.assert(fc.property(neighbour, (one) => assert.deepEqual(parseNeighbour(encodeNeighbour(one)), one)));
    fc.assert(fc.property(rule, (one) => assert.deepEqual(parseRule(encodeRule(one)), one)));
  });

  it('reads what it writes about an interface', () => {
    fc.assert(
      fc.property(index, settings, (number, { up, ...one }) => {
        const { isUp, flags, ...read } = parseLink(encodeLink(number, { ...one, ...(up === undefined ? {} : { up }) }));
        assert.deepEqual(read, { index: number, ...one });
        assert.equal(isUp, up ?? false);
        assert.equal(flags, up === true ? 1 : 0);
      }),
    );
  });

  it('takes a route as the kernel lays it out', () => {
    // `ip route add 10.2.0.0/24 via 169.254.1.1 dev <2> onlink proto 83 mtu 1400`, as RTM_NEWROUTE.
    const whole = [
      '02 18 00 00 fe 53 00 01 04 00 00 00',
      '08 00 0f 00 fe 00 00 00',
      '08 00 01 00 0a 02 00 00',
      '08 00 04 00 02 00 00 00',
      '08 00 05 00 a9 fe 01 01',
      '0c 00 08 00 08 00 02 00 78 05 00 00',
    ].join(' ');
    const encoded = encodeRoute({
      ...{ destination: '10.2.0.0/24', type: 'unicast', link: 2, gateway: '169.254.1.1', onLink: true },
      ...{ table: 254, protocol: 83, scope: 0, metric: 0, mtu: 1400 },
    });
    assert.equal(encoded.toString('hex'), whole.replaceAll(' ', ''));
  });

  it('refuses prefixes with bits behind their length', () => {
    const base = { type: 'unicast', table: 254, protocol: 83, scope: 0, metric: 0 } as const;
    for (const destination of ['10.2.0.1/24', '10.2.0.0/33', 'fd00::1/64', '10.2.0/24', '::/', 'x/0'])
      assert.throws(() => encodeRoute({ ...base, destination }), { code: 'NETLINK_MALFORMED' }, destination);
  });

  it('says of whatever is malformed that it is', () => {
    neverFails(parseRoute, fc.oneof(bytes(64), damaged(route.map(encodeRoute))));
    neverFails(parseNeighbour, fc.oneof(bytes(64), damaged(neighbour.map(encodeNeighbour))));
    neverFails(parseRule, fc.oneof(bytes(64), damaged(rule.map(encodeRule))));
    neverFails(parseLink, fc.oneof(bytes(64), damaged(settings.map((one) => encodeLink(1, one)))));
    const kinds = settings.map((one) => encodeLink(0, one, { kind: 'vxlan', port: 8472 }));
    neverFails(parseLink, damaged(kinds));
  });
});

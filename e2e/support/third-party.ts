import { request } from 'node:http';
import { join } from 'node:path';
import { checkAnswer } from '../../src/agent/rest/testing/openapi.ts';
import type { LabNode } from './datapath-rig.ts';
import type { LabNetwork, Netns } from './lab-network.ts';
import { Traffic } from './traffic.ts';

export interface RestAnswer<T> {
  readonly status: number;
  readonly body: T;
}

/** Asks a node's API as any HTTP client does, and holds the answer against the description of Cilium's API. */
export async function askNode<T = unknown>(
  { stateDir }: Pick<LabNode, 'stateDir'>,
  method: string,
  path: string,
  operation: string,
  { body, headers = {} }: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<RestAnswer<T>> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const sent = body === undefined ? '' : JSON.stringify(body);
  const call = request(
    {
      ...{ socketPath: join(stateDir, 'agent.sock'), method, path: `/v1${path}` },
      headers: { ...headers, 'content-length': Buffer.byteLength(sent) },
    },
    (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    },
  );
  call.on('error', reject);
  call.end(sent);
  const { status, text } = await promise;
  checkAnswer(method, operation, status, text);
  return { status, body: (text === '' ? undefined : JSON.parse(text)) as T };
}

interface IpamAnswer {
  readonly address: { readonly ipv4: string; readonly ipv6: string };
  readonly ipv4: { readonly 'expiration-uuid': string };
  readonly 'host-addressing': { readonly ipv4: { readonly ip: string }; readonly ipv6: { readonly ip: string } };
}

/** A container of somebody else's plugin. */
export interface ForeignContainer {
  readonly id: string;
  readonly device: string;
  readonly netns: Netns;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly traffic: Traffic;
  /** What makes an endpoint of it. */
  readonly request: Readonly<Record<string, unknown>>;
}

/**
 * Does what Cilium's CNI plugin of 1.12 does before it asks for an endpoint: addresses that expire, a veth, and in the container routes by the
 * node's own addresses, which it asks for on the link.
 */
export async function foreignContainer(lab: LabNetwork, node: LabNode, name: string): Promise<ForeignContainer> {
  const { body: given } = await askNode<IpamAnswer>(node, 'POST', `/ipam?owner=${name}`, '/ipam', {
    headers: { expiration: 'true' },
  });
  const device = `lxc-${name}`;
  const netns = lab.add(`foreign-${name}`);
  lab.connect({ netns: node.netns, device, addresses: [] }, { netns, device: 'eth0', addresses: [] });
  const { address } = given;
  const gateways = given['host-addressing'];
  for (const [family, ip, bits, gateway] of [
    ['-4', address.ipv4, 32, gateways.ipv4.ip],
    ['-6', address.ipv6, 128, gateways.ipv6.ip],
  ] as const) {
    netns.ip(family, 'address', 'add', `${ip}/${bits}`, 'dev', 'eth0', ...(bits === 128 ? ['nodad'] : []));
    netns.ip(family, 'route', 'add', `${gateway}/${bits}`, 'dev', 'eth0', 'scope', 'link');
    netns.ip(family, 'route', 'add', 'default', 'via', gateway, 'dev', 'eth0');
  }
  const uuid = given.ipv4['expiration-uuid'];
  const macOf = (where: Netns, link: string) =>
    (JSON.parse(where.ip('-json', 'link', 'show', link)) as { address: string }[])[0]!.address;
  const id = `foreign-${process.pid}-${name}`;
  return {
    ...{ id, device, netns, ...address, traffic: new Traffic(netns.path) },
    request: {
      'container-id': id,
      'interface-name': device,
      mac: macOf(netns, 'eth0'),
      'host-mac': macOf(node.netns, device),
      addressing: { ...address, 'ipv4-expiration-uuid': uuid, 'ipv6-expiration-uuid': uuid },
      state: 'waiting-for-identity',
      'sync-build-endpoint': true,
    },
  };
}

import { endpointStates, SOURCED_KEY } from '../../../api/index.ts';
import {
  boolean,
  DNS_LABEL,
  DNS_SUBDOMAIN,
  type Format,
  IP_ADDRESS,
  integer,
  LABEL_VALUE,
  list,
  map,
  object,
  oneOf,
  optional,
  record,
  required,
  string,
} from '../../../api/schema/index.ts';
import { formatIp, parseIp } from '../../../lib/ip-address.ts';
import { BadRequest } from '../router.ts';
import type { EndpointRequest, RequestedAddress } from '../view/endpoint-changes.ts';
import { readBody } from './read-body.ts';

const text = string({ min: 1, max: 1024 });
/** As tools send what they do not know. */
const anyText = string({ max: 1024 });
/** They become names of objects, and of files. */
const orNothing = (max: number, { is, test }: Format) =>
  string({ max, format: { is, test: (value) => value === '' || test(value) } });
const mac = map(
  string({
    format: {
      is: 'a MAC address such as 02:00:5e:10:00:01',
      test: (value) => /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i.test(value),
    },
  }),
  (value) => value.toLowerCase(),
);

/** What no selector of a policy can name would be of no use, and is no label of a Kubernetes object. */
const LABEL: Format = {
  is: 'a label such as k8s:app=web, not of source reserved, with a key and a value as Kubernetes has them',
  test: (text) => {
    const [name = '', ...rest] = text.split('=');
    const value = rest.join('=');
    return SOURCED_KEY.test(name) && !name.startsWith('reserved:') && value.length <= 63 && LABEL_VALUE.test(value);
  },
};
/** `source:key=value` each. */
const labels = list(string({ max: 512, format: LABEL }), { max: 256 });

const ofFamily = (family: 4 | 6): Format => ({
  is: `an IPv${family} address`,
  test: (value) => IP_ADDRESS.test(value) && parseIp(value)?.family === family,
});
const addressing = object({
  ipv4: optional(string({ format: ofFamily(4) })),
  'ipv4-expiration-uuid': optional(anyText),
  ipv6: optional(string({ format: ofFamily(6) })),
  'ipv6-expiration-uuid': optional(anyText),
});

/** An EndpointChangeRequest. What only concerns another datapath than ours is read, and has no effect. */
const changeRequest = object({
  id: optional(integer(0, 65_535)),
  'container-id': optional(anyText),
  'container-name': optional(anyText),
  'docker-endpoint-id': optional(anyText),
  'docker-network-id': optional(anyText),
  labels: optional(labels),
  'interface-name': optional(anyText),
  'interface-index': optional(integer(0, 0x7fff_ffff)),
  state: required(oneOf(...endpointStates.filter((state) => state !== 'creating'))),
  mac: optional(mac),
  'host-mac': optional(mac),
  addressing: optional(addressing),
  'k8s-pod-name': optional(orNothing(253, DNS_SUBDOMAIN)),
  'k8s-namespace': optional(orNothing(63, DNS_LABEL)),
  'datapath-map-id': optional(integer(0)),
  'policy-enabled': optional(boolean),
  pid: optional(integer(0)),
  'sync-build-endpoint': optional(boolean),
  'datapath-configuration': optional(
    object({
      'require-arp-passthrough': optional(boolean),
      'require-egress-prog': optional(boolean),
      'external-ipam': optional(boolean),
      'require-routing': optional(boolean),
      'install-endpoint-route': optional(boolean),
      'disable-sip-verification': optional(boolean),
    }),
  ),
});

/** @throws BadRequest that names each field that is wrong */
export function endpointRequestOf(body: unknown): EndpointRequest {
  const read = readBody(changeRequest, body);
  const pod = { namespace: read['k8s-namespace'] || '', name: read['k8s-pod-name'] || '' };
  if ((pod.name === '') !== (pod.namespace === ''))
    throw new BadRequest('k8s-pod-name and k8s-namespace are set both, or neither is');
  const { addressing: pair = {} } = read;
  const external = read['datapath-configuration']?.['external-ipam'];
  return {
    id: read.id ?? 0,
    ...given('containerId', read['container-id']),
    ...given('containerName', read['container-name']),
    ...given('dockerEndpointId', read['docker-endpoint-id']),
    ...given('dockerNetworkId', read['docker-network-id']),
    ...(read.labels === undefined ? {} : { labels: read.labels }),
    ...given('interfaceName', read['interface-name']),
    ...given('interfaceIndex', read['interface-index']),
    ...given('mac', read.mac),
    ...given('hostMac', read['host-mac']),
    ...given('ipv4', requested(pair.ipv4, pair['ipv4-expiration-uuid'])),
    ...given('ipv6', requested(pair.ipv6, pair['ipv6-expiration-uuid'])),
    ...(pod.name === '' ? {} : { pod }),
    ...(external === undefined ? {} : { isExternalIpam: external }),
  };
}

/** A LabelConfigurationSpec. @throws BadRequest */
export function userLabelsOf(body: unknown): readonly string[] {
  return readBody(object({ user: optional(labels) }), body).user ?? [];
}

/** An EndpointConfigurationSpec: what of it can be changed. @throws BadRequest */
export function endpointOptionsOf(body: unknown): {
  readonly options: Readonly<Record<string, string>>;
  readonly userLabels?: readonly string[];
} {
  const spec = object({
    options: optional(options),
    'label-configuration': optional(object({ user: optional(labels) })),
  });
  const read = readBody(spec, body);
  const user = read['label-configuration']?.user;
  return { options: read.options ?? {}, ...(user === undefined ? {} : { userLabels: user }) };
}
const options = record(text);

function requested(text: string | undefined, expirationId: string | undefined): RequestedAddress | undefined {
  const ip = text ? parseIp(text) : undefined;
  if (ip === undefined) return undefined;
  return { address: formatIp(ip), ...(expirationId ? { expirationId } : {}) };
}

/** Empty texts and 0 are what Go's encoders make of nothing. */
function given<K extends string, V>(name: K, value: V | undefined): { readonly [k in K]?: V } {
  return value === undefined || value === '' || value === 0 ? {} : ({ [name]: value } as { readonly [k in K]?: V });
}

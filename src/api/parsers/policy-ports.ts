import type { PolicyPort } from '../cilium-policy.ts';
import {
  type Context,
  defaulted,
  type Format,
  integer,
  map,
  NOTHING,
  object,
  oneOf,
  optional,
  required,
  type Schema,
  show,
  string,
} from '../schema/index.ts';

/** At most so many in one list (Cilium's own limit): ports of a `toPorts` element, fields of an `icmps` element. */
export const MAX_PORTS = 40;

/** A name of the IANA registry's form (RFC 6335), in any case. */
const SERVICE_NAME = /^(?!-)(?!.*--)(?=.*[A-Za-z])[A-Za-z0-9-]{1,15}(?<!-)$/;
const PORT_NUMBER = /^(?:0|[1-9]\d{0,4})$/;

const PORT: Format = {
  is: 'a number from 0 to 65535, or the name of a port: at most 15 letters, digits and single -, with at least one letter',
  test: (text) => (PORT_NUMBER.test(text) ? Number(text) <= 65535 : SERVICE_NAME.test(text)),
};

const portText: Schema<number | string> = map(string({ min: 1, format: PORT }), (text) =>
  PORT_NUMBER.test(text) ? Number(text) : text.toLowerCase(),
);

/** One element of `ports`. */
export const policyPort: Schema<PolicyPort> = map(
  object({
    port: required(portText),
    endPort: optional(integer(0, 65535)),
    protocol: defaulted(oneOf('TCP', 'UDP', 'SCTP', 'ANY'), 'ANY'),
  }),
  ({ port, endPort, protocol }, context): PolicyPort => {
    // 0 is the API's zero value: not set.
    if (!endPort) return { port, protocol };
    checkRange(port, endPort, context);
    return endPort === port ? { port, protocol } : { port, endPort, protocol };
  },
);

/** What is wrong with a range of ports, at its `endPort`. */
export function checkRange(port: number | string | undefined, endPort: number, context: Context): void {
  const problem =
    port === undefined
      ? 'must not be set without port'
      : typeof port === 'string'
        ? `must not be set with the port's name ${show(port)}`
        : port === 0
          ? 'must not be set with port 0, which is all ports'
          : endPort < port
            ? `is ${endPort}, less than port ${port}`
            : undefined;
  if (problem !== undefined)
    context.error('InvalidValue', problem, 'a range goes from the number port up to endPort', ['endPort']);
}

/** `type` of ICMP, by name (IANA's registry of ICMP parameters). */
const V4_TYPES: Readonly<Record<string, number>> = {
  EchoReply: 0,
  DestinationUnreachable: 3,
  Redirect: 5,
  Echo: 8,
  EchoRequest: 8,
  RouterAdvertisement: 9,
  RouterSelection: 10,
  TimeExceeded: 11,
  ParameterProblem: 12,
  Timestamp: 13,
  TimestampReply: 14,
  Photuris: 40,
  ExtendedEchoRequest: 42,
  ExtendedEchoReply: 43,
};
const V6_TYPES: Readonly<Record<string, number>> = {
  DestinationUnreachable: 1,
  PacketTooBig: 2,
  TimeExceeded: 3,
  ParameterProblem: 4,
  EchoRequest: 128,
  EchoReply: 129,
  MulticastListenerQuery: 130,
  MulticastListenerReport: 131,
  MulticastListenerDone: 132,
  RouterSolicitation: 133,
  RouterAdvertisement: 134,
  NeighborSolicitation: 135,
  NeighborAdvertisement: 136,
  RedirectMessage: 137,
  RouterRenumbering: 138,
  ICMPNodeInformationQuery: 139,
  ICMPNodeInformationResponse: 140,
  InverseNeighborDiscoverySolicitation: 141,
  InverseNeighborDiscoveryAdvertisement: 142,
  HomeAgentAddressDiscoveryRequest: 144,
  HomeAgentAddressDiscoveryReply: 145,
  MobilePrefixSolicitation: 146,
  MobilePrefixAdvertisement: 147,
  DuplicateAddressRequestCodeSuffix: 157,
  DuplicateAddressConfirmationCodeSuffix: 158,
  ExtendedEchoRequest: 160,
  ExtendedEchoReply: 161,
};

const typeNumber = integer(0, 255);
const icmpType: Schema<number | string> = (value, context) =>
  typeof value === 'string' ? string({ min: 1 })(value, context) : typeNumber(value, context);

/** One element of `icmps[].fields`. */
export const icmpField = map(
  object({ family: defaulted(oneOf('IPv4', 'IPv6'), 'IPv4'), type: required(icmpType) }),
  ({ family, type }, context) => {
    if (typeof type === 'number') return { family, type };
    const types = family === 'IPv4' ? V4_TYPES : V6_TYPES;
    if (Object.hasOwn(types, type)) return { family, type: types[type] as number };
    if (/^\d+$/.test(type))
      context.error('WrongType', `is ${show(type)}, not a whole number`, `write it without quotes: ${type}`, ['type']);
    else
      context.error(
        'InvalidValue',
        `is ${show(type)}, which is no type of ${family}`,
        `names are: ${Object.keys(types).join(', ')}`,
        ['type'],
      );
    return NOTHING;
  },
);

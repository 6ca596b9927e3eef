import { isIP } from 'node:net';
import { parseCidr } from '../../lib/ip-address.ts';
import { map } from './composite.ts';
import { type Format, NOTHING, type Schema, string } from './scalar.ts';

/*
 * The forms that Kubernetes and Gateway API give names. All of them run in linear time: where a CRD's own pattern would
 * backtrack (`^[!-~]+([\t ]?[!-~]+)*$`), an equal one that cannot stands here.
 */

const LABEL = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(?:\\.${LABEL})*`;
const QUALIFIED_NAME = '[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?';

export function pattern(is: string, source: string): Format {
  const expression = new RegExp(`^(?:${source})$`);
  return { is, test: (value) => expression.test(value) };
}

export const DNS_LABEL = pattern('a DNS label: lower-case letters, digits and -, as in my-name', LABEL);
export const DNS_SUBDOMAIN = pattern(
  'a DNS name: lower-case labels with dots between them, as in example.com',
  SUBDOMAIN,
);
export const HOSTNAME_OR_WILDCARD = pattern(
  'a DNS name in lower case, which may begin with *., as in *.example.com',
  `(?:\\*\\.)?${SUBDOMAIN}`,
);
export const GROUP = pattern("an API group: '' or a DNS name", `(?:${SUBDOMAIN})?`);
export const KIND = pattern('a kind: letters, digits and -', '[a-zA-Z](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?');
export const CONTROLLER_NAME = pattern(
  'a domain-prefixed path, as in example.com/controller',
  `${SUBDOMAIN}\\/[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+`,
);
export const HEADER_NAME = pattern('an HTTP header name (RFC 9110 token)', "[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+");
export const HEADER_VALUE = pattern('visible ASCII, with single spaces or tabs inside only', '[!-~](?:[\\t ]?[!-~])*');
export const URL_PATH = pattern(
  "characters of a URL path: letters, digits, /-._~!$&'()*+,;=:@ and %XX",
  "(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+",
);
/** Label values may be empty; 63 characters at most. */
export const LABEL_VALUE = pattern(
  'letters, digits, -, _ and ., beginning and ending with a letter or digit',
  `(?:${QUALIFIED_NAME})?`,
);
export const DATA_KEY = pattern('letters, digits, -, _ and .', '[-._a-zA-Z0-9]+');
export const IP_ADDRESS: Format = { is: 'an IPv4 or IPv6 address', test: (value) => isIP(value) !== 0 };

export const CIDR: Format = {
  is: 'a network such as 10.0.0.0/24 or 2001:db8::/64',
  test: (value) => parseCidr(value) !== undefined,
};

const NAME_SEGMENT = pattern('', QUALIFIED_NAME);

/** Keys of labels and annotations: `name` or `example.com/name`. */
export const QUALIFIED_KEY: Format = {
  is: 'a name of at most 63 letters, digits, -, _ and ., which a DNS name and / may precede',
  test: (value) => {
    const slash = value.indexOf('/');
    const prefix = slash < 0 ? undefined : value.slice(0, slash);
    const name = value.slice(slash + 1);
    if (prefix !== undefined && (prefix.length > 253 || !DNS_SUBDOMAIN.test(prefix.toLowerCase()))) return false;
    return name.length <= 63 && NAME_SEGMENT.test(name);
  },
};

/** A Service's or container's port name (RFC 6335): 15 characters, at least one letter, no `--`. */
export const PORT_NAME: Format = {
  is: 'a port name: at most 15 lower-case letters, digits and single -, with at least one letter',
  test: (value) => value.length <= 15 && DNS_LABEL.test(value) && /[a-z]/.test(value) && !value.includes('--'),
};

const DURATION = /^(?:[0-9]{1,5}(?:h|m|s|ms)){1,4}$/;
const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** A Gateway API duration (GEP-2257), `1h30m` or `250ms`, as milliseconds. */
export const duration: Schema<number> = map(
  string({ format: { is: 'a duration such as 10s, 1h30m or 250ms', test: (value) => DURATION.test(value) } }),
  (text) => {
    let total = 0;
    for (const [, amount, unit] of text.matchAll(/(\d+)(ms|h|m|s)/g))
      total += Number(amount) * (UNITS[unit as string] as number);
    return total;
  },
);

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

/** RFC 3339, as ms since the epoch. */
export const time: Schema<number> = map(string(), (text, context) => {
  const parsed = RFC_3339.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(parsed)) return parsed;
  context.error(
    'InvalidValue',
    `is ${JSON.stringify(text.slice(0, 80))}`,
    'it must be a time such as 2024-05-01T12:00:00Z',
  );
  return NOTHING;
});

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Base64 (RFC 4648, padded); line breaks are allowed, as Go's decoder allows them. */
export const base64: Schema<Uint8Array> = map(string(), (text, context) => {
  const compact = text.includes('\n') || text.includes('\r') ? text.replace(/[\r\n]/g, '') : text;
  if (compact.length % 4 === 0 && BASE64.test(compact)) return new Uint8Array(Buffer.from(compact, 'base64'));
  context.error(
    'InvalidValue',
    'is not base64',
    'encode it (base64 -w0 FILE), or put it as plain text under stringData',
  );
  return NOTHING;
});

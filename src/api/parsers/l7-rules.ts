import { checkRegex } from '../../lib/regex.ts';
import type { FqdnSelector, HttpRule, KafkaRule, L7Rules } from '../cilium-policy.ts';
import {
  type Context,
  check,
  DNS_LABEL,
  defaulted,
  HEADER_NAME,
  list,
  map,
  NOTHING,
  object,
  oneOf,
  optional,
  pattern,
  record,
  required,
  type Schema,
  show,
  string,
} from '../schema/index.ts';

export const secretName = object({
  namespace: optional(string({ max: 63, format: DNS_LABEL })),
  name: required(string({ min: 1, max: 253 })),
});

const expression = check(string(), (text, context) => {
  const problem = checkRegex(text);
  if (problem !== undefined)
    context.error('InvalidValue', `is ${show(text)}: ${problem}`, 'write a regular expression of RE2');
});

/** `Name`, or `Name: value`. */
const header = string({
  format: {
    is: 'the name of an HTTP header, which a colon and a value may follow, as in X-Token: secret',
    test: (text) => HEADER_NAME.test(text.split(':', 1)[0]?.trimEnd() ?? ''),
  },
});

const headerMatch = object({
  name: required(string({ min: 1, format: HEADER_NAME })),
  value: optional(string()),
  secret: optional(secretName),
  mismatch: optional(oneOf('LOG', 'ADD', 'DELETE', 'REPLACE')),
});

const httpRule: Schema<HttpRule> = object({
  method: optional(expression),
  path: optional(expression),
  host: optional(expression),
  headers: defaulted(list(header), []),
  headerMatches: defaulted(list(headerMatch), []),
});

/** Kafka's own names of its API keys, in lower case (https://kafka.apache.org/protocol#protocol_api_keys), as Cilium takes them. */
const API_KEYS = new Set(
  (
    'produce fetch offsets metadata leaderandisr stopreplica updatemetadata controlledshutdown offsetcommit offsetfetch findcoordinator ' +
    'joingroup heartbeat leavegroup syncgroup describegroups listgroups saslhandshake apiversions createtopics deletetopics deleterecords ' +
    'initproducerid offsetforleaderepoch addpartitionstotxn addoffsetstotxn endtxn writetxnmarkers txnoffsetcommit describeacls createacls ' +
    'deleteacls describeconfigs alterconfigs'
  ).split(' '),
);

const kafkaRule: Schema<KafkaRule> = check(
  object({
    role: optional(oneOf('produce', 'consume')),
    apiKey: optional(
      string({ format: { is: 'a Kafka API key such as produce', test: (key) => API_KEYS.has(key.toLowerCase()) } }),
    ),
    apiVersion: optional(string({ format: pattern('a number in quotes', '\\d{1,5}') })),
    clientID: optional(string()),
    topic: optional(string({ max: 255, format: pattern('letters, digits, ., _ and -', '[a-zA-Z0-9._-]*') })),
  }),
  ({ role, apiKey }, context) => {
    if (role !== undefined && apiKey !== undefined)
      context.error(
        'InvalidValue',
        'has both role and apiKey',
        'a role stands for several API keys: set one of the two',
      );
  },
);

/** Linear-time equals of the grammar in Cilium's CRD: words with single dots between them, and perhaps one after them. */
const MATCH_NAME = pattern('a DNS name, as in example.com', '[-a-zA-Z0-9_]+(?:\\.[-a-zA-Z0-9_]+)*\\.?');
const MATCH_PATTERN = pattern(
  'a DNS name in which * stands for any characters but dots, as in *.example.com',
  '[-a-zA-Z0-9_*]+(?:\\.[-a-zA-Z0-9_*]+)*\\.?',
);

/** `toFQDNs` and DNS rules. */
export const fqdnSelector: Schema<FqdnSelector> = map(
  object({
    matchName: optional(string({ max: 255, format: MATCH_NAME })),
    matchPattern: optional(string({ max: 255, format: MATCH_PATTERN })),
  }),
  ({ matchName, matchPattern }, context): FqdnSelector => {
    if (matchName !== undefined && matchPattern === undefined) return { matchName: normalised(matchName) };
    if (matchPattern !== undefined && matchName === undefined) return { matchPattern: normalised(matchPattern) };
    const which = matchName === undefined ? 'neither matchName nor matchPattern' : 'both matchName and matchPattern';
    context.error('InvalidValue', `has ${which}`, 'set exactly one of the two');
    return NOTHING;
  },
);

const normalised = (name: string): string => name.toLowerCase().replace(/\.$/, '');

const fields = object({
  http: optional(list(httpRule)),
  kafka: optional(list(kafkaRule)),
  dns: optional(list(fqdnSelector)),
  l7proto: optional(string({ min: 1 })),
  l7: optional(list(record(string()))),
});

/** `rules` of a `toPorts` element; undefined where it names no protocol. */
export const l7Rules: Schema<L7Rules | undefined> = map(fields, (read, context): L7Rules | undefined => {
  const { http, kafka, dns, l7proto, l7 } = read;
  const found: L7Rules[] = [];
  if (http !== undefined) found.push({ kind: 'http', http });
  if (kafka !== undefined) found.push({ kind: 'kafka', kafka });
  if (dns !== undefined) found.push({ kind: 'dns', dns });
  if (l7proto !== undefined) found.push({ kind: 'l7', l7proto, l7: l7 ?? [] });
  else if (l7 !== undefined) missingProtocol(context);
  if (found.length > 1)
    context.error(
      'InvalidValue',
      `has rules of ${found.length} protocols: ${found.map(({ kind }) => kind).join(', ')}`,
      'give each protocol an element of toPorts of its own',
    );
  return found[0];
});

function missingProtocol(context: Context): void {
  context.error('MissingField', 'is missing', 'l7 needs the name of its parser', ['l7proto']);
}

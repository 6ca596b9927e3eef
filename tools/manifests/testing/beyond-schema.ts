/**
 * What only the parser refuses: it takes more than one field to see, or more than a pattern can say. In policies there are no rules in
 * CEL, as these cost more in lists within lists than an API server allows.
 */
const BEYOND: readonly RegExp[] = [
  // Addresses cannot be compared in a schema.
  /must not come before start/,
  /is not within/,
  // Selectors.
  /must be a label such as/,
  /list the values/,
  /must be empty with operator/,
  // One of several.
  /set exactly one of the two/,
  /an element has one of them/,
  /set one of the two/,
  /has rules of \d protocols/,
  /l7 needs the name of its parser/,
  /a policy needs spec/,
  // Ports and ICMP.
  /must be a number from 0 to 65535/,
  /a range goes from/,
  /is no type of/,
  /must not be set with toPorts/,
  /list types of ICMP/,
  // L7.
  /write a regular expression of RE2/,
  /must be the name of an HTTP header/,
  /must be an HTTP header name/,
  /must be a Kafka API key/,
  /must be a number in quotes/,
  /must be letters, digits, \., _ and -/,
  /DNS rules/,
  /rules of \w+ need a port of their own/,
  /which rules of \w+ cannot be applied to/,
  /unless TLS ends here/,
  /is not possible on ingress/,
  /must not be set with L7 rules/,
  // Who may say it.
  /is not possible in a (host policy|CiliumNetworkPolicy)/,
  /is for labels that Cilium itself makes/,
  // Names of other objects.
  /must be a DNS label/,
  /must be a DNS name: lower-case/,
  // A key in a map has no pattern.
  /is no network;/,
  // An API server takes a map's null for an entry that is not there. In a file it is a value that was forgotten, and of a selector
  // it would leave less than was meant. (In lists both refuse it.)
  /(?<!\[\d+\]) is null, not a value/,
];

/** `refusal` is a message with its hint. */
export const isBeyondSchema = (refusal: string): boolean => BEYOND.some((each) => each.test(refusal));

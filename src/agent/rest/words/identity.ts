import { createHash } from 'node:crypto';
import { compareText } from '../../../lib/compare.ts';
import type { Identity } from '../models/endpoint.ts';
import type { IdentityView } from '../view/state-view.ts';

/** The hash is over the labels in the order of their keys, each with `=` and a semicolon, as Cilium makes it. */
export function identityModel({ id, labels }: IdentityView): Identity {
  const sorted = [...labels].sort((a, b) => compareText(keyOf(a), keyOf(b)));
  const text = sorted.map((label) => `${label}${label.includes('=') ? '' : '='};`).join('');
  return { id, labels: sorted, labelsSHA256: createHash('sha256').update(text).digest('hex') };
}

function keyOf(label: string): string {
  const equals = label.indexOf('=');
  const name = equals < 0 ? label : label.slice(0, equals);
  return name.slice(name.indexOf(':') + 1);
}

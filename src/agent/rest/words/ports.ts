import { protocolName } from '../../../flows/index.ts';
import type { PolicyEntryView } from '../view/policy-view.ts';

/** Of an entry of a policy map. */
export function protocolOf({ protocol }: Pick<PolicyEntryView, 'protocol'>): string {
  return protocol === 0 ? 'ANY' : protocolName(protocol);
}

/** `80`, `8000-8003` for a block of ports, `any` for all. */
export function portName({ port, portBits }: Pick<PolicyEntryView, 'port' | 'portBits'>): string {
  if (portBits === 0) return 'any';
  const last = port + (1 << (16 - portBits)) - 1;
  return last === port ? String(port) : `${port}-${last}`;
}

import type { PolicyEntry } from '../../gen/abi.ts';

/** Whether two entries decide alike: what they have counted is the program's. */
export function samePolicyEntry(a: PolicyEntry, b: PolicyEntry): boolean {
  return a.verdict === b.verdict && a.prefixlen === b.prefixlen && a.proxyPort === b.proxyPort && a.rule === b.rule;
}

import type { DatapathMaps } from '../../datapath/index.ts';
import { scopeOf } from '../../network/identity/index.ts';
import { prefixText } from './encode.ts';

/** Numbers that networks in policies had in the process before: packets that are judged meanwhile mean the same. */
export function* cidrNumbers({ ipcache4, ipcache6 }: Pick<DatapathMaps, 'ipcache4' | 'ipcache6'>) {
  for (const map of [ipcache4, ipcache6])
    for (const [{ prefixlen, address }, { identity }] of map.entries())
      if (scopeOf(identity) === 'node-local') yield [prefixText(address, prefixlen), identity] as const;
}

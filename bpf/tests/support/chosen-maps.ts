import { opcode, readFunctions } from './bpf-object.ts';

/**
 * Calls of helpers with one of several maps, chosen before: where the address of a map is followed by that of another one and no call
 * lies between. The verifier makes a call of the map's own function only where it knows the map.
 */
export function chosenMaps(elf: Uint8Array): string[] {
  const found: string[] = [];
  for (const { name, instructions } of readFunctions(elf)) {
    let loaded: string | undefined;
    for (const { code, source, symbol, symbolSection } of instructions) {
      if (code === opcode.call && source === 0) loaded = undefined;
      if (code !== opcode.wideLoad || symbol === undefined || symbolSection !== '.maps') continue;
      if (loaded !== undefined && loaded !== symbol.name) found.push(`${name}: ${loaded} or ${symbol.name}`);
      loaded = symbol.name;
    }
  }
  return found;
}

import { opcode, readRelocations, readSections, readSymbols, STT_FUNC } from './bpf-object.ts';

/**
 * Calls of helpers with one of several maps, chosen before: where the address of a map is followed by that of another one and no call
 * lies between. The verifier makes a call of the map's own function only where it knows the map.
 */
export function chosenMaps(elf: Uint8Array): string[] {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  const sections = readSections(view);
  const symbols = readSymbols(view, sections);
  const found: string[] = [];
  for (const { name, section, value, size } of symbols.filter(({ kind }) => kind === STT_FUNC)) {
    const { offset } = sections[section]!;
    const relocations = readRelocations(view, sections, section);
    let loaded: string | undefined;
    for (let at = value; at < value + size; at += 8) {
      const code = view.getUint8(offset + at);
      if (code === opcode.call && view.getUint8(offset + at + 1) >> 4 === 0) loaded = undefined;
      if (code !== opcode.wideLoad) continue;
      const symbol = symbols[relocations.get(at) ?? -1];
      if (symbol !== undefined && sections[symbol.section]?.name === '.maps') {
        if (loaded !== undefined && loaded !== symbol.name) found.push(`${name}: ${loaded} or ${symbol.name}`);
        loaded = symbol.name;
      }
      at += 8;
    }
  }
  return found;
}

/** Reading of the ELF objects that clang makes for BPF: as much as tests of the code itself need. */

interface Section {
  readonly name: string;
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
}

interface Symbol {
  readonly name: string;
  readonly kind: number;
  readonly section: number;
  readonly value: number;
  readonly size: number;
}

export interface Instruction {
  /** Bytes from the start of its section. */
  readonly at: number;
  readonly code: number;
  readonly destination: number;
  readonly source: number;
  readonly displacement: number;
  readonly immediate: number;
  /** What it refers to, and in which section that lies, if the linker has to put it in. */
  readonly symbol: Symbol | undefined;
  readonly symbolSection: string | undefined;
}

export interface BpfFunction {
  readonly name: string;
  readonly section: number;
  /** Where it begins in its section. */
  readonly value: number;
  readonly instructions: readonly Instruction[];
}

const SHT_SYMTAB = 2;
const SHT_REL = 9;
const STT_FUNC = 2;
/** Of instructions (Documentation/bpf/standardization/instruction-set.rst of the kernel). */
export const opcode = { wideLoad: 0x18, moveRegister: 0xbf, addImmediate: 0x07, call: 0x85 } as const;

/** Every function of an object. */
export function readFunctions(elf: Uint8Array): BpfFunction[] {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  const sections = readSections(view);
  const symbols = readSymbols(view, sections);
  const functions = symbols.filter(({ kind }) => kind === STT_FUNC);
  return functions.map(({ name, section, value, size }) => {
    const { offset } = sections[section]!;
    const relocations = readRelocations(view, sections, section);
    const instructions: Instruction[] = [];
    for (let at = value; at < value + size; at += 8) {
      const code = view.getUint8(offset + at);
      const registers = view.getUint8(offset + at + 1);
      const symbol = symbols[relocations.get(at) ?? -1];
      instructions.push({
        ...{ at, code, destination: registers & 15, source: registers >> 4 },
        displacement: view.getInt16(offset + at + 2, true),
        immediate: view.getInt32(offset + at + 4, true),
        symbol,
        symbolSection: symbol && sections[symbol.section]?.name,
      });
      if (code === opcode.wideLoad) at += 8;
    }
    return { name, section, value, instructions };
  });
}

function readSections(view: DataView): Section[] {
  const table = Number(view.getBigUint64(0x28, true));
  const [entrySize, count, names] = [0x3a, 0x3c, 0x3e].map((at) => view.getUint16(at, true)) as [
    number,
    number,
    number,
  ];
  const u64 = (at: number) => Number(view.getBigUint64(at, true));
  const namesAt = u64(table + names * entrySize + 0x18);
  return Array.from({ length: count }, (_, index) => {
    const at = table + index * entrySize;
    return {
      name: text(view, namesAt + view.getUint32(at, true)),
      type: view.getUint32(at + 4, true),
      offset: u64(at + 0x18),
      size: u64(at + 0x20),
      link: view.getUint32(at + 0x28, true),
      info: view.getUint32(at + 0x2c, true),
    };
  });
}

function readSymbols(view: DataView, sections: readonly Section[]): Symbol[] {
  const table = sections.find(({ type }) => type === SHT_SYMTAB) as Section;
  const strings = (sections[table.link] as Section).offset;
  return Array.from({ length: table.size / 24 }, (_, index) => {
    const at = table.offset + index * 24;
    return {
      name: text(view, strings + view.getUint32(at, true)),
      kind: view.getUint8(at + 4) & 15,
      section: view.getUint16(at + 6, true),
      value: Number(view.getBigUint64(at + 8, true)),
      size: Number(view.getBigUint64(at + 16, true)),
    };
  });
}

/** Of one section: offset of an instruction to the number of its symbol. */
function readRelocations(view: DataView, sections: readonly Section[], section: number): Map<number, number> {
  const found = new Map<number, number>();
  for (const { type, info, offset, size } of sections) {
    if (type !== SHT_REL || info !== section) continue;
    for (let at = offset; at < offset + size; at += 16)
      found.set(Number(view.getBigUint64(at, true)), view.getUint32(at + 12, true));
  }
  return found;
}

function text(view: DataView, at: number): string {
  let end = at;
  while (view.getUint8(end) !== 0) end++;
  return Buffer.from(view.buffer, view.byteOffset + at, end - at).toString('latin1');
}

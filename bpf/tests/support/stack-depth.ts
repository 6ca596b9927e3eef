/** A function of an object, as the verifier counts its stack. */
export interface StackFrame {
  readonly name: string;
  /** Bytes below r10 that it touches. */
  readonly depth: number;
  readonly calls: readonly StackFrame[];
}

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

const SHT_SYMTAB = 2;
const SHT_REL = 9;
const STT_FUNC = 2;
/** Classes and codes of instructions (Documentation/bpf/standardization/instruction-set.rst of the kernel). */
const [LD, LDX, ST, STX] = [0, 1, 2, 3];
const wideLoad = 0x18;
const moveRegister = 0xbf;
const addImmediate = 0x07;
const call = 0x85;
const callOfFunction = 1;
const framePointer = 10;

/** Every function of an ELF object that clang made for BPF, by name. */
export function stackFrames(elf: Uint8Array): Map<string, StackFrame> {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  const sections = readSections(view);
  const symbols = readSymbols(view, sections);
  const functions = symbols.filter(({ kind }) => kind === STT_FUNC);
  const frames = new Map(functions.map(({ name }) => [name, { name, depth: 0, calls: [] as StackFrame[] }]));
  for (const one of functions) {
    const { offset } = sections[one.section] as Section;
    const relocations = readRelocations(view, sections, one.section);
    const frame = frames.get(one.name) as { name: string; depth: number; calls: StackFrame[] };
    let copy = -1;
    for (let at = one.value; at < one.value + one.size; at += 8) {
      const code = view.getUint8(offset + at);
      const registers = view.getUint8(offset + at + 1);
      const [destination, source] = [registers & 15, registers >> 4];
      const displacement = view.getInt16(offset + at + 2, true);
      const immediate = view.getInt32(offset + at + 4, true);
      const base = (code & 7) === LDX ? source : (code & 7) === ST || (code & 7) === STX ? destination : -1;
      if (base === framePointer) frame.depth = Math.max(frame.depth, -displacement);
      // The address of a variable: a copy of r10, from which something is taken.
      if (code === addImmediate && destination === copy) frame.depth = Math.max(frame.depth, -immediate);
      copy = code === moveRegister && source === framePointer ? destination : code === addImmediate ? -1 : copy;
      if (code === call && source === callOfFunction) {
        const relocated = symbols[relocations.get(at) ?? -1];
        const section = relocated?.section ?? one.section;
        const target = relocated === undefined ? at + 8 * (immediate + 1) : relocated.value + 8 * (immediate + 1);
        const callee = functions.find((each) => each.section === section && each.value === target);
        if (callee === undefined) throw new Error(`${one.name}: a call at ${at} of nothing`);
        frame.calls.push(frames.get(callee.name) as StackFrame);
      }
      if ((code & 7) === LD && code === wideLoad) at += 8;
    }
  }
  return frames;
}

/** The deepest chain of calls from a function, and its bytes: the verifier of Linux 6.1 rounds each frame up to 32. */
export function deepestChain({ name, depth, calls }: StackFrame): { readonly bytes: number; readonly chain: string[] } {
  const below = calls.map(deepestChain).sort((a, b) => b.bytes - a.bytes)[0];
  return {
    bytes: Math.ceil(Math.max(depth, 1) / 32) * 32 + (below?.bytes ?? 0),
    chain: [`${name} (${depth})`, ...(below?.chain ?? [])],
  };
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

import { opcode, readRelocations, readSections, readSymbols, STT_FUNC } from './bpf-object.ts';

/** A function of an object, as the verifier counts its stack. */
export interface StackFrame {
  readonly name: string;
  /** Bytes below r10 that it touches. */
  readonly depth: number;
  readonly calls: readonly StackFrame[];
}

/** Classes of instructions. */
const [LD, LDX, ST, STX] = [0, 1, 2, 3];
const { wideLoad, moveRegister, addImmediate, call } = opcode;
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
    const { offset } = sections[one.section]!;
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

import { opcode, readFunctions } from './bpf-object.ts';

/** A function of an object, as the verifier counts its stack. */
export interface StackFrame {
  readonly name: string;
  /** Bytes below r10 that it touches. */
  readonly depth: number;
  readonly calls: readonly StackFrame[];
}

/** Classes of instructions. */
const [LDX, ST, STX] = [1, 2, 3];
const callOfFunction = 1;
const framePointer = 10;

/** Every function of an ELF object that clang made for BPF, by name. */
export function stackFrames(elf: Uint8Array): Map<string, StackFrame> {
  const functions = readFunctions(elf);
  const frames = new Map(functions.map(({ name }) => [name, { name, depth: 0, calls: [] as StackFrame[] }]));
  for (const one of functions) {
    const frame = frames.get(one.name) as { name: string; depth: number; calls: StackFrame[] };
    let copy = -1;
    for (const { at, code, destination, source, displacement, immediate, symbol } of one.instructions) {
      const base = (code & 7) === LDX ? source : (code & 7) === ST || (code & 7) === STX ? destination : -1;
      if (base === framePointer) frame.depth = Math.max(frame.depth, -displacement);
      // The address of a variable: a copy of r10, from which something is taken.
      if (code === opcode.addImmediate && destination === copy) frame.depth = Math.max(frame.depth, -immediate);
      if (code === opcode.moveRegister && source === framePointer) copy = destination;
      else copy = code === opcode.addImmediate ? -1 : copy;
      if (code !== opcode.call || source !== callOfFunction) continue;
      const section = symbol?.section ?? one.section;
      const target = (symbol?.value ?? at) + 8 * (immediate + 1);
      const callee = functions.find((each) => each.section === section && each.value === target);
      if (callee === undefined) throw new Error(`${one.name}: a call at ${at} of nothing`);
      frame.calls.push(frames.get(callee.name) as StackFrame);
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

// Reads the BTF (BPF type format, Documentation/bpf/btf.rst of the kernel) of an ELF object: names, sizes, offsets of types.

const kinds = [
  ...['void', 'int', 'pointer', 'array', 'struct', 'union', 'enum', 'forward', 'typedef', 'volatile', 'const'],
  ...['restrict', 'function', 'prototype', 'variable', 'section', 'float', 'declTag', 'typeTag', 'enum64'],
];

/**
 * The types of an object in order of their ids, of which 0 is void: {kind, name, size, ref} with `members` ({name, type,
 * bits}) of structs and unions, `values` ({name, value}) of enums, `length` of arrays.
 */
export function readBtf(elf) {
  const bytes = section(elf, '.BTF');
  if (!bytes) throw new Error('the object has no section .BTF (compiled without -g?)');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint16(0, true) !== 0xeb9f) throw new Error('BTF: wrong magic number');
  const header = view.getUint32(4, true);
  const [typesAt, typesLength, stringsAt] = [8, 12, 16].map((at) => view.getUint32(at, true));
  const name = (at) => cString(bytes, header + stringsAt + at);
  const types = [{ kind: 'void', name: 'void', size: 0 }];
  let at = header + typesAt;
  const u32 = () => {
    at += 4;
    return view.getUint32(at - 4, true);
  };
  while (at < header + typesAt + typesLength) {
    const type = { name: name(u32()) };
    const info = u32();
    const sizeOrType = u32();
    const count = info & 0xffff;
    const flag = info >>> 31;
    type.kind = kinds[(info >>> 24) & 0x1f];
    type.size = type.ref = sizeOrType;
    switch (type.kind) {
      case 'int': {
        const encoding = u32();
        Object.assign(type, { signed: ((encoding >>> 24) & 1) === 1 });
        break;
      }
      case 'array':
        type.ref = u32();
        u32();
        type.length = u32();
        break;
      case 'struct':
      case 'union':
        type.members = Array.from({ length: count }, () => {
          const member = { name: name(u32()), type: u32() };
          const offset = u32();
          // With the flag, the upper byte is the width of a bit field.
          return { ...member, bits: flag ? offset & 0xffffff : offset, width: flag ? offset >>> 24 : 0 };
        });
        break;
      case 'enum':
        type.values = Array.from({ length: count }, () => ({ name: name(u32()), value: flag ? u32() | 0 : u32() }));
        break;
      case 'enum64':
        throw new Error(`BTF: enum ${type.name} has 64-bit values, which the ABI does not use`);
      case 'prototype':
        at += count * 8;
        break;
      case 'section':
        at += count * 12;
        break;
      case 'variable':
      case 'declTag':
        at += 4;
        break;
      default:
    }
    types.push(type);
  }
  return types;
}

/** The bytes of a section of a 64-bit little-endian ELF file, if it has it. */
function section(elf, wanted) {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  if (view.getUint32(0, false) !== 0x7f454c46) throw new Error('not an ELF file');
  const u64 = (at) => Number(view.getBigUint64(at, true));
  const table = u64(0x28);
  const [entrySize, count, namesIndex] = [0x3a, 0x3c, 0x3e].map((at) => view.getUint16(at, true));
  const namesAt = u64(table + namesIndex * entrySize + 0x18);
  for (let index = 0; index < count; index++) {
    const entry = table + index * entrySize;
    if (cString(elf, namesAt + view.getUint32(entry, true)) !== wanted) continue;
    const start = u64(entry + 0x18);
    return elf.subarray(start, start + u64(entry + 0x20));
  }
  return undefined;
}

function cString(bytes, at) {
  return Buffer.from(bytes.subarray(at, bytes.indexOf(0, at))).toString('utf8');
}

/** What a test run may set of `struct __sk_buff`; the rest has to be zero. */
export interface SkbContext {
  readonly ifindex?: number;
  readonly ingressIfindex?: number;
  readonly mark?: number;
  readonly gsoSegments?: number;
  readonly gsoSize?: number;
}

/** Offsets in include/uapi/linux/bpf.h, which never change. */
const offsets = { mark: 8, ingressIfindex: 36, ifindex: 40, gsoSegments: 164, gsoSize: 176 } as const;
const size = 192;

export function encodeSkb(context: SkbContext): Buffer {
  const bytes = Buffer.alloc(size);
  for (const [field, offset] of Object.entries(offsets))
    bytes.writeUInt32LE(context[field as keyof SkbContext] ?? 0, offset);
  return bytes;
}

/** @param bytes as a test run gives it back */
export function markOf(bytes: Uint8Array): number {
  return Buffer.from(bytes).readUInt32LE(offsets.mark);
}

export interface BtfType {
  readonly kind: string;
  readonly name: string;
  readonly size: number;
  readonly ref: number;
  readonly members?: readonly { readonly name: string; readonly type: number; readonly bits: number }[];
  readonly values?: readonly { readonly name: string; readonly value: number }[];
}

export function readBtf(elf: Uint8Array): BtfType[];

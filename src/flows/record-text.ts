import { formatIp } from '../lib/ip-address.ts';

/** The same few addresses come again and again; a scan of many must not fill the memory. */
const mostKept = 4096;
const v4 = new Map<number, string>();
const macs = new Map<number, string>();

/** 16 bytes of a record. IPv4 stands in the last 4, after ::ffff (RFC 4291, 2.5.5.2). */
export function addressText(view: DataView, start: number): string {
  if (
    view.getUint32(start + 8, false) === 0xffff &&
    view.getUint32(start, false) === 0 &&
    view.getUint32(start + 4, false) === 0
  )
    return kept(v4, view.getUint32(start + 12, false), v4Text);
  return formatIp({ family: 6, value: (view.getBigUint64(start, false) << 64n) | view.getBigUint64(start + 8, false) });
}

/** 6 bytes of a record; undefined for zeros, as where nothing was recorded. */
export function macText(view: DataView, start: number): string | undefined {
  const number = view.getUint16(start, false) * 0x1_0000_0000 + view.getUint32(start + 2, false);
  return number === 0 ? undefined : kept(macs, number, macOf);
}

function kept(cache: Map<number, string>, number: number, make: (number: number) => string): string {
  let text = cache.get(number);
  if (text !== undefined) return text;
  if (cache.size >= mostKept) cache.clear();
  text = make(number);
  cache.set(number, text);
  return text;
}

function v4Text(number: number): string {
  return `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`;
}

function macOf(number: number): string {
  return (number.toString(16).padStart(12, '0').match(/../g) ?? []).join(':');
}

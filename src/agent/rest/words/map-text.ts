/** A map's key or value on one line: `identity=16780 port=80`, numbers and texts as they are, bytes in hexadecimal. */
export function mapText(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return `[${value.map(mapText).join(' ')}]`;
  if (typeof value === 'object' && value !== null)
    return Object.entries(value)
      .map(([name, field]) => `${name}=${isPlain(field) ? `{${mapText(field)}}` : mapText(field)}`)
      .join(' ');
  return String(value);
}

function isPlain(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

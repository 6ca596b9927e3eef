/** FNV-1a of a text's UTF-16 code units, 32 bits: for numbers that are to be the same in another process. */
export function fnv1a(text: string): number {
  let sum = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return sum;
}

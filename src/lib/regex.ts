import { RE2JS } from 're2js';

/**
 * RE2 instructions as RE2JS counts them: one for a character class. Envoy's RE2 works on bytes (Latin-1) and counts one for each
 * range of a class, up to 64, so Envoy's own limit (`re2.max_program_size.error_level`) has to be that much larger.
 */
const maxInstructions = 2_000;
const maxLength = 8_192;
/** Routes often share expressions, and a translator checks its routes again at each of their changes. */
const cache = new Map<string, string | undefined>();
const cacheSize = 10_000;

/**
 * What is wrong with a regular expression for Envoy (RE2, https://github.com/google/re2/wiki/Syntax), as a sentence's end
 * without a full stop; undefined if nothing is. No look-around, no back-references.
 */
export function checkRegex(pattern: string): string | undefined {
  if (cache.has(pattern)) return cache.get(pattern);
  const reason = check(pattern);
  if (cache.size >= cacheSize) cache.clear();
  cache.set(pattern, reason);
  return reason;
}

function check(pattern: string): string | undefined {
  if (pattern.length > maxLength)
    return `the expression is ${pattern.length} characters long; at most ${maxLength} are allowed`;
  if (!pattern.isWellFormed() || pattern.includes('\0')) return 'the expression is not valid Unicode text';
  for (const [sequence, code] of pattern.matchAll(/\\(?:x\{([0-9a-fA-F]+)\}|.)/gs))
    if (code !== undefined && Number.parseInt(code, 16) > 0xff)
      return `${sequence} is beyond \\xff: Envoy matches bytes, so write the character itself`;
  let size: number;
  try {
    size = RE2JS.compile(pattern).programSize();
  } catch (error) {
    return error instanceof Error ? error.message.replace(/\.$/, '') : String(error);
  }
  return size > maxInstructions
    ? `the expression compiles to ${size} instructions; at most ${maxInstructions} are allowed`
    : undefined;
}

/** A regular expression that matches this text and nothing else. */
export function quoteRegex(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');
}

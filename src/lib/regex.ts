import { RE2JS } from 're2js';

/**
 * Bounds what one expression costs Envoy in memory and in each match. Far above what people write; RE2 itself gives up
 * beyond 8 MiB, which some repetitions of repetitions reach.
 */
const maxInstructions = 4_000;
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

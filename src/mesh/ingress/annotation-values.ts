/** The forms of annotation values. Each gives undefined for a value that it cannot read; `is` finishes "must be ...". */
export interface ValueForm<T> {
  readonly is: string;
  readonly parse: (text: string) => T | undefined;
}

/** What Go's `strconv.ParseBool` takes, and Cilium's own `enabled` and `disabled`. */
export const toggle: ValueForm<boolean> = {
  is: 'enabled or disabled (or true or false)',
  parse: (text) => {
    const word = text.toLowerCase();
    if (['enabled', 'true', 't', '1'].includes(word)) return true;
    if (['disabled', 'false', 'f', '0'].includes(word)) return false;
    return undefined;
  },
};

export function oneOf<const T extends string>(...words: readonly T[]): ValueForm<T> {
  return {
    is: words.join(' or '),
    parse: (text) => words.find((word) => word.toLowerCase() === text.toLowerCase()),
  };
}

export function wholeNumber(min: number, max: number): ValueForm<number> {
  return {
    is: `a whole number from ${min} to ${max}`,
    parse: (text) => {
      const value = /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max ? value : undefined;
    },
  };
}

/** Whole seconds, written as a number (Cilium's form) or as a duration. */
export function seconds(min: number, max: number): ValueForm<number> {
  return {
    is: `whole seconds from ${min} to ${max}, such as 10 or 10s`,
    parse: (text) => {
      const value = /^[0-9]{1,10}$/.test(text) ? Number(text) : (milliseconds.parse(text) ?? Number.NaN) / 1000;
      return Number.isInteger(value) && value >= min && value <= max ? value : undefined;
    },
  };
}

const unitMs: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
};
/** Bounded everywhere, so that no value makes it slow. */
const goDuration = /^(?:[0-9]{1,9}(?:\.[0-9]{1,9})?(?:h|ms|m|s|us|µs|ns)){1,8}$/;
/** Envoy's timer takes no more, and nobody waits for a month. */
const maxMs = 30 * 24 * unitMs.h!;

/** A duration as Go's `time.ParseDuration` reads it, in ms (rounded up, so that a positive one stays positive); `0` is 0. */
export const milliseconds: ValueForm<number> = {
  is: 'a duration such as 30s, 1m30s or 500ms, of 30 days at most',
  parse: (text) => {
    if (text === '0') return 0;
    if (text.length > 64 || !goDuration.test(text)) return undefined;
    let total = 0;
    for (const [, amount, unit] of text.matchAll(/([0-9.]+)(h|ms|m|s|us|µs|ns)/g))
      total += Number(amount) * unitMs[unit!]!;
    return total <= maxMs ? Math.ceil(total) : undefined;
  },
};

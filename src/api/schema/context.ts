import type { Diagnostic } from '../diagnostic.ts';

type Segment = string | number;

const PLAIN_KEY = /^[A-Za-z_$][\w$-]*$/;

/** `['spec', 'rules', 0, 'a.b/c']` as `spec.rules[0]["a.b/c"]`. */
export function formatPath(path: readonly Segment[]): string {
  let text = '';
  for (const segment of path) {
    if (typeof segment === 'number') text += `[${segment}]`;
    else if (PLAIN_KEY.test(segment)) text += text === '' ? segment : `.${segment}`;
    else text += `[${JSON.stringify(segment)}]`;
  }
  return text;
}

/** The reverse of `formatPath`; what cannot be read ends the path. */
export function parsePath(text: string): Segment[] {
  const path: Segment[] = [];
  const token = /\.?([A-Za-z_$][\w$-]*)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/y;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    if (match[1] !== undefined) path.push(match[1]);
    else if (match[2] !== undefined) path.push(Number(match[2]));
    else path.push(JSON.parse(match[3] as string) as string);
  }
  return path;
}

/** More than this about one object helps nobody, and 10,000 bad objects must stay cheap. */
const MAX_PROBLEMS = 24;

/** What is wrong with the object under the parser, and where in it the parser stands. One per object. */
export class Context {
  readonly #path: Segment[] = [];
  readonly #problems: Diagnostic[] = [];
  #errors = 0;
  #unknown = 0;
  #dropped = 0;
  readonly #asUnknown: 'error' | 'warning';

  /** @param unknownFields what a field is that no schema knows */
  constructor(unknownFields: 'error' | 'warning' = 'error') {
    this.#asUnknown = unknownFields;
  }

  /** Errors up to now: a check over several fields runs only where their own parsing raised none. */
  get errors(): number {
    return this.#errors;
  }

  /** Fields up to now that no schema knows, whatever becomes of them. */
  get unknownFields(): number {
    return this.#unknown;
  }

  /** Nothing more of this object will be shown: what only makes messages better can be left out. */
  get full(): boolean {
    return this.#problems.length >= MAX_PROBLEMS;
  }

  enter(key: Segment): void {
    this.#path.push(key);
  }

  leave(): void {
    this.#path.pop();
  }

  /** The current place, or one below it, as diagnostics have it in `field`. */
  path(below: readonly Segment[] = []): string {
    return formatPath([...this.#path, ...below]);
  }

  /**
   * @param text what is wrong, to follow the path: `is 70000`
   * @param below where it is, below the current place
   */
  error(reason: string, text: string, hint?: string, below: readonly Segment[] = []): void {
    this.#errors++;
    this.#add('error', reason, text, hint, below);
  }

  warning(reason: string, text: string, hint?: string, below: readonly Segment[] = []): void {
    this.#add('warning', reason, text, hint, below);
  }

  /** Its message stands as it is, without the path in front. */
  unknownField(key: string, known: Iterable<string>): void {
    this.#unknown++;
    if (this.#asUnknown === 'warning') {
      this.warning('UnknownField', 'is not known to this version of Sluice', 'it has no effect', [key]);
      return;
    }
    this.#errors++;
    if (this.full) {
      this.#dropped++;
      return;
    }
    const path = [...this.#path, key];
    const close = closest(key, known);
    const field = formatPath(path);
    const suggestion = close === undefined ? undefined : formatPath([...this.#path, close]);
    this.#push({
      severity: 'error',
      reason: 'UnknownField',
      message: `unknown field ${field}${suggestion === undefined ? '' : `; did you mean ${suggestion}?`}`,
      hint:
        suggestion === undefined
          ? `the fields here are: ${[...known].sort().join(', ')}`
          : `rename it to ${close}, or remove it`,
      field,
    });
  }

  diagnostics(): readonly Diagnostic[] {
    if (this.#dropped === 0) return this.#problems;
    const message = `${this.#dropped} more problems in this object are not shown`;
    return [...this.#problems, { severity: 'warning', reason: 'TooManyProblems', message }];
  }

  #add(
    severity: Diagnostic['severity'],
    reason: string,
    text: string,
    hint: string | undefined,
    below: readonly Segment[],
  ) {
    const field = formatPath(below.length === 0 ? this.#path : [...this.#path, ...below]);
    const message = field === '' ? `the object ${text}` : `${field} ${text}`;
    this.#push({ severity, reason, message, ...(hint === undefined ? {} : { hint }), field });
  }

  #push(problem: Diagnostic): void {
    if (this.full) this.#dropped++;
    else this.#problems.push(problem);
  }
}

/** The candidate that a typing error away from `word` would be, if any: within a third of its length. */
export function closest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > 64) return undefined;
  const lower = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    // The distance is at least the difference in length.
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = editDistance(lower, candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}

/** A value as it may stand in a message: short, on one line, with its type to be seen. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
  if (Array.isArray(value)) return 'a list';
  if (value === null) return 'null';
  if (typeof value === 'object') return 'an object';
  return String(value);
}

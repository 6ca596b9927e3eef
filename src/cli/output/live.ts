import type { Applied, NodeWatcher } from '../../agent/watcher.ts';
import { type Diagnostic, formatRef } from '../../api/index.ts';
import { formatDiagnostic, formatDiagnostics } from './diagnostics.ts';
import { printable, type Style } from './table.ts';

/** ms of a start after which a person wonders what it is doing. */
const patience = 2000;
/** ms for which edits are collected into one line. */
const quiet = 100;
/** Objects that are named; more are counted by kind. */
const named = 3;

/** What happens while a person watches, as lines on their terminal. */
export class LiveReport implements NodeWatcher {
  readonly #write: (text: string) => void;
  readonly #style: Style;
  readonly #shown = new Set<string>();
  #stage = '';
  #impatient: NodeJS.Timeout | undefined;
  #applied: Applied[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** Until the start is over, what is wrong waits for the list at its end. */
  #ready = false;

  constructor(write: (text: string) => void, style: Style) {
    this.#write = write;
    this.#style = style;
    this.#impatient = setInterval(() => this.#write(`${this.#style.dim(`... ${this.#stage}`)}\n`), patience).unref();
  }

  stage(text: string): void {
    this.#stage = printable(text);
  }

  /** The start is over, one way or the other. `shown` are diagnostics that the person has seen already. */
  started(shown: readonly Diagnostic[] = []): void {
    clearInterval(this.#impatient);
    this.#impatient = undefined;
    this.#ready = true;
    for (const diagnostic of shown) this.#shown.add(formatDiagnostic(diagnostic, this.#style));
  }

  diagnostics(appeared: readonly Diagnostic[], resolved: readonly Diagnostic[]): void {
    if (!this.#ready) return;
    const fresh = appeared.filter((diagnostic) => {
      const text = formatDiagnostic(diagnostic, this.#style);
      return !this.#shown.has(text) && this.#shown.add(text);
    });
    for (const diagnostic of resolved) this.#shown.delete(formatDiagnostic(diagnostic, this.#style));
    if (fresh.length > 0) this.#line(`\n${formatDiagnostics(fresh, this.#style, 20)}`);
    if (resolved.length > 0)
      this.#line(
        resolved.length <= named
          ? resolved.map((diagnostic) => `${this.#style.green('resolved:')} ${brief(diagnostic)}\n`).join('')
          : `${this.#style.green('resolved:')} ${resolved.length} diagnostics\n`,
      );
  }

  applied(applied: Applied): void {
    this.#applied.push(applied);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#line(`${summariseChanges(this.#applied)}\n`);
      this.#applied = [];
    }, quiet).unref();
  }

  #line(text: string): void {
    this.#write(
      text.startsWith('\n') ? text : `${this.#style.dim(new Date().toTimeString().slice(0, 8))} ${text.trimStart()}`,
    );
  }
}

/** `HTTPRoute default/cart changed, in force after 7 ms`. */
export function summariseChanges(applied: readonly Applied[]): string {
  const last = new Map<string, 'changed' | 'removed'>();
  const kinds = new Map<string, string>();
  for (const { changes } of applied) {
    for (const { op, ref } of changes) {
      const name = formatRef(ref);
      last.set(name, op === 'set' ? 'changed' : 'removed');
      kinds.set(name, ref.kind);
    }
  }
  const slowest = Math.max(...applied.map(({ milliseconds }) => milliseconds));
  const time = `in force after ${slowest < 10 ? slowest.toFixed(1) : Math.round(slowest)} ms`;
  if (last.size <= named) {
    const verbs = [...new Set(last.values())].map(
      (verb) => `${printable([...last].flatMap(([name, v]) => (v === verb ? [name] : [])).join(', '))} ${verb}`,
    );
    return `${verbs.join('; ')}, ${time}`;
  }
  const counts = new Map<string, number>();
  for (const kind of kinds.values()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const list = [...counts].map(([kind, n]) => `${n} ${kind}`).join(', ');
  return `${last.size} objects changed or removed (${list}), ${time}`;
}

function brief({ object, reason, message }: Diagnostic): string {
  return printable(`${object === undefined ? '' : `${formatRef(object)}: `}${message} [${reason}]`);
}

/** Envoy's levels onto ours; pino has no `critical` and its `fatal` means that *we* are going down. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';

export interface LogLine {
  readonly level: LogLevel;
  /** Envoy's logger: `upstream`, `config`, ...; empty for what is no log line (a crash's backtrace, a refused option). */
  readonly component: string;
  readonly message: string;
}

/** Envoy's `--log-format` (spdlog) that `parseLogLine` reads back. With `--log-format-escaped`, one record is one line. */
export const logFormat = '[%l][%n] %v';

const levels = new Map<string, LogLevel>([
  ['trace', 'trace'],
  ['debug', 'debug'],
  ['info', 'info'],
  ['warning', 'warn'],
  ['error', 'error'],
  ['critical', 'error'],
]);

export function parseLogLine(line: string): LogLine {
  const match = /^\[(\w+)\]\[([\w./-]*)\] (.*)$/s.exec(line);
  const level = match && levels.get(match[1]!);
  if (!level) return { level: 'error', component: '', message: line };
  return { level, component: match[2]!, message: unescapeC(match[3]!) };
}

/**
 * Envoy refuses what it was sent over xDS, and says the same there: the owner of the resource hears of it, with Envoy's
 * words. Envoy repeats it in its log up to four times.
 */
export function isRefusal({ component, message }: LogLine): boolean {
  if (component !== 'config' && component !== 'upstream') return false;
  return /config (?:for [\w./-]+ )?rejected: |^listener '.*' failed to bind or apply socket options: /s.test(message);
}

/**
 * Envoy says of fields that it will drop, or has not finished, that they are in use: without the name of the object, and
 * mostly of fields that we chose ourselves. Nobody who reads the log at 3 a.m. can act on that.
 */
export function isAboutFieldMaturity({ component, message }: LogLine): boolean {
  return component === 'misc' && /^Deprecated field: | is marked as work-in-progress\./.test(message);
}

/** The control plane is still away: said at each attempt, after it was said once that it went. It serves what it has. */
export function isStillAway({ component, message }: LogLine): boolean {
  return component === 'config' && / gRPC config stream to \S+ closed since \d+s ago: /.test(message);
}

/** Undoes `--log-format-escaped`, which writes line ends and quotes as in C. */
function unescapeC(text: string): string {
  return text.includes('\\')
    ? text.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char === 't' ? '\t' : char))
    : text;
}

/** Cuts a stream of chunks into lines; a line longer than 64 KiB comes in pieces. */
export class LineSplitter {
  #rest = '';
  readonly #onLine: (line: string) => void;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(chunk: string): void {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) if (line !== '') this.#onLine(line);
    if (this.#rest.length > 65_536) this.end();
  }

  end(): void {
    if (this.#rest !== '') this.#onLine(this.#rest);
    this.#rest = '';
  }
}

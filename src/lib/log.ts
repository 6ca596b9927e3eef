import { type DestinationStream, type Logger, pino } from 'pino';

export type Log = Logger;
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LogOptions {
  readonly level: LogLevel;
  /** `text` for a person at a terminal, `json` for machines. */
  readonly format: 'text' | 'json';
  /** Colour in text: only ever on a terminal. */
  readonly colour?: boolean;
  /** Default: standard error, so that a command's own output stays clean. */
  readonly destination?: DestinationStream;
}

/** Structured logs; never a secret among the fields (redaction is a second line of defence, not the first). */
export function createLog(options: LogOptions): Log {
  const out = options.destination ?? { write: (line: string) => process.stderr.write(line) };
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: ['key', 'data', '*.key', '*.data', 'privateKey', '*.privateKey'],
    },
    options.format === 'json' ? out : { write: (line) => out.write(toText(line, options.colour === true)) },
  );
}

const colours: Record<string, number> = { debug: 90, info: 36, warn: 33, error: 31 };

/** One JSON log line as `12:00:00.000 warn  message  key=value`. */
function toText(line: string, colour: boolean): string {
  const { time, level, msg, err, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const label = String(level).padEnd(5);
  const painted = colour ? `\u001b[${colours[String(level)] ?? 0}m${label}\u001b[0m` : label;
  const rest = Object.entries(fields).map(
    ([key, value]) => `  ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const cause = err === undefined ? '' : `: ${(err as { message?: string }).message ?? ''}`;
  return `${String(time).slice(11, 23)} ${painted} ${msg ?? ''}${cause}${rest.join('')}\n`;
}

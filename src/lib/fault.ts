/**
 * The environment failed: a socket, a file, a process, the kernel. Converted once, at the edge where it happened; the last
 * good state stays in force. A user's wrong object is never a Fault: that is a Diagnostic (`api/diagnostic.ts`).
 */
export class Fault extends Error {
  /** Stable and machine-readable, in capitals: `ENVOY_NOT_FOUND`. */
  readonly code: string;
  /** What the reader should do next, as a sentence. */
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: { cause?: unknown; hint?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Fault';
    this.code = code;
    this.hint = options.hint;
  }

  /** Any thrown value as a Fault; one that is a Fault already stays itself. */
  static from(cause: unknown, code: string, operation: string, hint?: string): Fault {
    if (cause instanceof Fault) return cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new Fault(code, `${operation}: ${reason}`, hint === undefined ? { cause } : { cause, hint });
  }
}

/** A fault in one line, with what to do next. */
export function explain({ message, hint }: Pick<Fault, 'message' | 'hint'>): string {
  return hint === undefined ? message : `${message}; ${hint}`;
}

/** A bug of ours: crash loudly. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`bug: ${message}`);
}

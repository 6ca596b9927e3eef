export type PartState = 'starting' | 'running' | 'closing' | 'closed' | 'failed';

/** Something with a life of its own: a server, a watcher, a process. */
export interface Closable {
  close(): Promise<void> | void;
}

interface Part {
  readonly name: string;
  state: PartState;
  /** Undefined until it has started. */
  value: Closable | undefined;
}

/** The parts of a process: started one after the other, closed in the reverse order, each once, whatever fails on the way. */
export class Parts implements AsyncDisposable {
  readonly #parts: Part[] = [];
  #closing: Promise<void> | undefined;

  /** Starts a part. If that fails it counts as failed, and the error is the caller's, who closes the others. */
  async start<T extends Closable>(name: string, start: () => Promise<T> | T): Promise<T> {
    const part: Part = { name, state: 'starting', value: undefined };
    this.#parts.push(part);
    try {
      const value = await start();
      part.value = value;
      part.state = 'running';
      return value;
    } catch (error) {
      part.state = 'failed';
      throw error;
    }
  }

  /** A part that is running already. */
  add<T extends Closable>(name: string, value: T): T {
    this.#parts.push({ name, state: 'running', value });
    return value;
  }

  /** By name, in the order of the start. */
  states(): Record<string, PartState> {
    return Object.fromEntries(this.#parts.map(({ name, state }) => [name, state]));
  }

  /** @throws the first error of a part that could not be closed; the others are closed all the same */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const errors: unknown[] = [];
    for (const part of this.#parts.toReversed()) {
      if (part.value === undefined) continue;
      part.state = 'closing';
      try {
        await part.value.close();
        part.state = 'closed';
      } catch (error) {
        part.state = 'failed';
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}

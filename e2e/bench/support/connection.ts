import { connect, type Socket } from 'node:net';

/** An answer's head; bodies are read and dropped. */
export interface Answer {
  readonly status: number;
  readonly headers: string;
}

/**
 * One HTTP/1.1 keep-alive connection, one request at a time: cheaper and more exact than node:http, whose agent would hide
 * a connection that was closed under a request by opening another.
 */
export class HttpConnection {
  readonly #socket: Socket;
  #received = '';
  #waiting: PromiseWithResolvers<Answer> | undefined;
  #ended: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (text: unknown) => this.#onData(text as string));
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('connection closed')));
  }

  /** Rejects if nobody listens. */
  static async open(address: string, port: number): Promise<HttpConnection> {
    const socket = connect({ host: address, port });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve();
      });
    });
    return new HttpConnection(socket);
  }

  get open(): boolean {
    return this.#ended === undefined;
  }

  /** Rejects if the connection ends before the answer is complete. */
  get(host: string, path = '/'): Promise<Answer> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    this.#waiting = Promise.withResolvers<Answer>();
    this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    return this.#waiting.promise;
  }

  close(): void {
    this.#socket.destroy();
  }

  #onData(text: string): void {
    this.#received += text;
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const headers = this.#received.slice(0, headEnd);
    const length = /\r\ncontent-length: *(\d+)/i.exec(headers)?.[1];
    if (length === undefined) {
      // Chunked: over with the chunk of length 0. None of our backends sends trailers.
      if (!this.#received.endsWith('0\r\n\r\n') || this.#received.length === headEnd + 4) return;
    } else if (this.#received.length < headEnd + 4 + Number(length)) return;
    this.#received = '';
    const waiting = this.#waiting;
    this.#waiting = undefined;
    // What the server says of the connection holds from the next request on: that one goes over another connection.
    if (/\r\nconnection: *close/i.test(headers)) this.#end(new Error('closed by the server after an answer'));
    waiting?.resolve({ status: Number(headers.slice(9, 12)), headers });
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#waiting?.reject(this.#ended);
    this.#waiting = undefined;
    this.#socket.destroy();
  }
}

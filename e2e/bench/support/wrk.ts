import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { needProgram } from './process.ts';

export interface WrkResult {
  readonly requestsPerSecond: number;
  /** Answers of 400 and above, and connections that failed. */
  readonly errors: number;
}

/** Loads `http://127.0.0.1:port/` with one thread, so that the proxy under test has the rest of the machine. */
export async function wrk(port: number, host: string, connections: number, seconds: number): Promise<WrkResult> {
  const program = needProgram('wrk', 'apt-get install wrk');
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '-H', `Host: ${host}`, `http://127.0.0.1:${port}/`];
  const { stdout } = await promisify(execFile)(program, args, { timeout: (seconds + 30) * 1000 });
  const rate = /^Requests\/sec:\s+([\d.]+)$/m.exec(stdout)?.[1];
  if (rate === undefined) throw new Error(`wrk printed no rate:\n${stdout}`);
  const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0);
  const socket = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout)?.slice(1) ?? [];
  return {
    requestsPerSecond: Number(rate),
    errors: socket.reduce((sum, count) => sum + Number(count), refused),
  };
}

import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { BenchContext } from '../bench.ts';
import type { Elsewhere } from './backend.ts';
import { run } from './process.ts';

export interface LoadResult {
  readonly requests: number;
  /** Everything but a complete answer 200. */
  readonly failed: number;
  /** The first of them; `at` in seconds since the start. */
  readonly failures: readonly { readonly host: string; readonly outcome: string; readonly at: number }[];
  /** After answers with `connection: close`, which is how a listener drains. */
  readonly reconnects: number;
  /** ms of the slowest answer. */
  readonly longest: number;
  readonly seconds: number;
}

export interface Load {
  /** Ends it. */
  result(): Promise<LoadResult>;
}

/** Starts asking for each of the hosts in turn, over so many connections. */
export function startLoad(
  context: BenchContext,
  address: string,
  port: number,
  connections: number,
  hosts: readonly string[],
  commandIn: Elsewhere['commandIn'] = (...command) => command,
): Load {
  const main = join(import.meta.dirname, 'load-main.ts');
  const [command = '', ...args] = commandIn(
    process.execPath,
    main,
    ...[address, `${port}`, `${connections}`, hosts.join(',')],
  );
  const load = run(command, args);
  const output = text(load.child.stdout!);
  context.defer(() => load.stop());
  return {
    async result() {
      load.child.stdin?.end();
      const line = await output;
      if (line === '') throw new Error(`the load generator ended: ${load.errors()}`);
      return JSON.parse(line) as LoadResult;
    },
  };
}

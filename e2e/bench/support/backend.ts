import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { type BenchContext, BenchNotPossible } from '../bench.ts';
import { needProgram, run } from './process.ts';

const source = join(import.meta.dirname, 'backend.c');
const binary = join(import.meta.dirname, '../../../.cache/bench/backend');

/** Where else than on this machine's loopback, and how to get a program there. */
export interface Elsewhere {
  readonly address: string;
  commandIn(...command: readonly string[]): readonly string[];
}

/** Starts the fast backend on so many ports of 127.0.0.1; it ends with the bench. */
export async function startBackends(context: BenchContext, count = 1, where?: Elsewhere): Promise<number[]> {
  compile();
  const args = [binary, `${count}`, ...(where === undefined ? [] : [where.address])];
  const [command = '', ...rest] = where === undefined ? args : where.commandIn(...args);
  const backend = run(command, rest);
  context.defer(() => {
    backend.child.stdin?.end();
    return backend.stop();
  });
  const ports: number[] = [];
  for await (const line of createInterface({ input: backend.child.stdout! })) {
    ports.push(Number(line));
    if (ports.length === count) return ports;
  }
  throw new Error(`the backend ended: ${backend.errors()}`);
}

/** Only when the source is newer. Written aside and renamed: another bench may be running the old one. */
function compile(): void {
  if (existsSync(binary) && statSync(binary).mtimeMs > statSync(source).mtimeMs) return;
  const cc = needProgram('cc', 'apt-get install gcc libc6-dev');
  mkdirSync(dirname(binary), { recursive: true });
  const fresh = `${binary}.${process.pid}`;
  const { status, stderr } = spawnSync(cc, ['-O2', '-Wall', '-Wextra', '-Werror', '-o', fresh, source], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new BenchNotPossible(`cc ${source} failed:\n${stderr}`);
  renameSync(fresh, binary);
}

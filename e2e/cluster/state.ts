import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../../src/lib/fault.ts';
import { defaults, type Settings, stateDir, stateRoot } from './settings.ts';

/** What is known of a testbed beyond what its cgroups say. */
export interface State {
  readonly settings: Settings;
  /** `starting` until all of it is there: a starter that was killed leaves it so. */
  readonly phase: 'starting' | 'ready';
}

const stateFile = (name: string): string => join(stateDir(name), 'state.json');

/** Makes the state directory, empty. */
export function createState(settings: Settings): void {
  for (const dir of ['log', 'config', 'pki'])
    mkdirSync(join(stateDir(settings.name), dir), { recursive: true, mode: 0o700 });
  writeState({ settings, phase: 'starting' });
}

export function writeState(state: State): void {
  const file = stateFile(state.settings.name);
  writeFileSync(`${file}.new`, `${JSON.stringify(state, undefined, 2)}\n`);
  renameSync(`${file}.new`, file);
}

export function readState(name: string): State | undefined {
  try {
    const { settings, phase } = JSON.parse(readFileSync(stateFile(name), 'utf8')) as State;
    // One that an older checkout has started has not all of them.
    return { settings: { ...defaults, ...settings }, phase };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The state of a testbed that is there, if only in part. */
export function runningState(name: string): State {
  const state = readState(name);
  if (state !== undefined) return state;
  throw new Fault('CLUSTER_NOT_UP', `there is no testbed ${name}`, { hint: '`npm run cluster -- up` starts it.' });
}

export function removeState(name: string): void {
  rmSync(stateDir(name), { recursive: true, force: true });
  // The last one takes their common directory along.
  if (existsSync(stateRoot()) && readdirSync(stateRoot()).length === 0) rmSync(stateRoot(), { recursive: true });
}

export function testbedsWithState(): string[] {
  return existsSync(stateRoot()) ? readdirSync(stateRoot()).filter((name) => readState(name) !== undefined) : [];
}

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, type Option } from 'commander';
import { Fault } from '../lib/fault.ts';

/**
 * Options from a folder of files, each named after a long option and holding its value: a mounted ConfigMap. `true` and `false`
 * for switches. What was given on the command line or in the environment wins. Processes share their ConfigMap, so a file for an
 * option of another command is for that one; one that no command of the program has is told to `warn`, by its name.
 * @throws Fault CONFIG_DIR, CONFIG_VALUE
 */
export function applyConfigDir(command: Command, dir: string, warn: (message: string) => void = toStderr): void {
  const options = new Map(command.options.map((option) => [keyOf(option), option]));
  const known = new Set((command.parent?.commands ?? []).flatMap((one) => one.options.map(keyOf)));
  for (const file of filesIn(dir)) {
    const option = options.get(file);
    if (option === undefined) {
      if (!known.has(file)) warn(`${join(dir, file)} is no option of sluice, and has no effect`);
      continue;
    }
    const name = option.attributeName();
    const source = command.getOptionValueSource(name);
    if (source !== undefined && source !== 'default') continue;
    const path = join(dir, file);
    const text = read(path).trim();
    try {
      command.setOptionValueWithSource(name, optionValue(option, text), 'config');
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      throw new Fault('CONFIG_VALUE', `${path} holds ${JSON.stringify(text.slice(0, 80))}`, { hint: error.message });
    }
  }
}

/** `--no-enforce-https` is in the file `enforce-https`. */
function keyOf(option: Option): string {
  return (option.long ?? '').replace(/^--(?:no-)?/, '');
}

function toStderr(message: string): void {
  process.stderr.write(`warning: ${message}\n`);
}

function optionValue(option: Option, text: string): unknown {
  if (option.isBoolean() || option.negate) {
    if (text !== 'true' && text !== 'false') throw new InvalidArgumentError('it must be true or false.');
    return text === 'true';
  }
  return option.parseArg === undefined ? text : option.parseArg(text, undefined);
}

/** Kubernetes keeps its own entries next to the keys of a mounted ConfigMap: `..data` and the like. */
function filesIn(dir: string): string[] {
  try {
    return readdirSync(dir)
      .filter((name) => !name.startsWith('.'))
      .sort();
  } catch (error) {
    throw Fault.from(error, 'CONFIG_DIR', `read ${dir}`, 'mount the ConfigMap there, or leave --config-dir out');
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw Fault.from(error, 'CONFIG_DIR', `read ${path}`);
  }
}

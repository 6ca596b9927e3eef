import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, type Option } from 'commander';
import { Fault } from '../lib/fault.ts';

/**
 * Options from a folder of files, each named after a long option and holding its value: a mounted ConfigMap. `true` and `false`
 * for switches. What was given on the command line wins; files for options that the command does not have are for others.
 * @throws Fault CONFIG_DIR, CONFIG_VALUE
 */
export function applyConfigDir(command: Command, dir: string): void {
  const options = new Map(command.options.map((option) => [(option.long ?? '').replace(/^--(?:no-)?/, ''), option]));
  for (const file of filesIn(dir)) {
    const option = options.get(file);
    if (option === undefined) continue;
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

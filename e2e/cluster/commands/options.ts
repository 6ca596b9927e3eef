import { type Command, Option } from 'commander';
import { linesOf, type Progress } from '../progress.ts';
import { defaults } from '../settings.ts';

/** Progress goes to standard error: what is asked for comes on standard output. */
export const toStderr = (): Progress => linesOf((line) => process.stderr.write(line));

/** `--name`, also after the command. */
export const named = (command: Command): Command =>
  command.addOption(new Option('--name <name>', 'which testbed').default(defaults.name).env('SLUICE_CLUSTER_NAME'));

import { type Command, Option } from 'commander';
import { restOutput, restOutputs } from '../output/rest-output.ts';
import { defaultStateDir } from '../state-dir.ts';

export interface TargetFlags {
  readonly stateDir: string;
  readonly socket?: string;
}

/** Options of every command that asks a running agent. */
export function targetOptions(command: Command): Command {
  return command
    .option('--state-dir <dir>', 'state directory of the running sluice', defaultStateDir())
    .option('--socket <path>', "the API's socket, if it is elsewhere");
}

/** ... and prints what it says. */
export function outputOptions(command: Command): Command {
  const option = new Option('-o, --output <format>', "table, json, yaml, or jsonpath='{TEMPLATE}'")
    .default('table')
    .argParser(restOutput);
  // For completion alone: what follows jsonpath= is anything.
  option.argChoices = [...restOutputs];
  return targetOptions(command).addOption(option);
}

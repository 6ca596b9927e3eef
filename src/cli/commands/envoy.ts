import { type Command, Option } from 'commander';
import { count, duration } from '../arguments.ts';
import { defaultStateDir } from '../state-dir.ts';
import { untilStopped } from '../until-stopped.ts';

interface EnvoyFlags {
  stateDir: string;
  concurrency?: number;
  drainTime: number;
  logLevel: 'debug' | 'info' | 'warn' | 'error';
}

export function envoyCommand(program: Command): void {
  program
    .command('envoy')
    .summary('the Envoy of a node of a cluster, in a container of its own')
    .description(
      'Waits for the bootstrap that `sluice agent` writes into the state directory, then runs Envoy with it: started again ' +
        'when it dies, drained when this is told to stop. It goes on serving while the agent is away.',
    )
    .option('--state-dir <dir>', "the agent's", defaultStateDir())
    .option('--concurrency <n>', 'worker threads; default: one for each CPU', count)
    .addOption(
      new Option('--drain-time <duration>', 'how long requests in flight may take at the end')
        .argParser(duration)
        .default(20_000, '20s'),
    )
    .addOption(
      new Option('--log-level <level>', 'least severe log line to print')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('warn'),
    )
    .action(async (flags: EnvoyFlags) => {
      const { runExternalEnvoy } = await import('../../proxy/run-external-envoy.ts');
      await untilStopped((signal) => runExternalEnvoy(flags, signal));
    });
}

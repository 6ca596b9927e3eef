import type { Command } from 'commander';
import { Option } from 'commander';
import { formatDiagnostics, summarise } from '../output/diagnostics.ts';
import { formatData, type OutputFormat, outputFormats } from '../output/format.ts';
import { styleFor } from '../output/table.ts';

export function validateCommand(program: Command): void {
  program
    .command('validate')
    .argument('<path...>', 'files and folders with Kubernetes objects (YAML or JSON)')
    .addOption(
      new Option('-o, --output <format>', 'how to print what was found').choices(outputFormats).default('table'),
    )
    .option('--strict', 'warnings count as errors')
    .summary('check files, for CI')
    .description(
      'Reads the objects and translates them as `sluice run` would, without starting anything. Prints what is wrong with ' +
        'file, line and column, and what would be right. Exit code 0: nothing is; 1: at least one error; 2: wrong usage.',
    )
    .addHelpText('after', '\nExample:\n  sluice validate --strict k8s/*.yaml')
    .action(async (paths: string[], options: { output: OutputFormat; strict?: boolean }) => {
      const { translatePaths } = await import('../../agent/translate.ts');
      const { diagnostics, stats } = translatePaths(paths, {});
      if (options.output === 'table') {
        process.stdout.write(formatDiagnostics(diagnostics, styleFor(process.stdout), 1000));
        process.stderr.write(`${stats.objects} objects in ${stats.files} files: ${summarise(diagnostics)}\n`);
      } else {
        process.stdout.write(formatData(diagnostics, options.output));
      }
      const bad = diagnostics.some((diagnostic) => options.strict === true || diagnostic.severity === 'error');
      process.exitCode = bad ? 1 : 0;
    });
}

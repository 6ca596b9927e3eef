import { type Command, Option } from 'commander';
import {
  type FeatureReport,
  type KernelReport,
  openBpf,
  openKernel,
  probeKernel,
  type Support,
} from '../../datapath/index.ts';
import { formatData, outputFormats } from '../output/format.ts';
import { formatTable, type Style, styleFor } from '../output/table.ts';

export function probeCommand(program: Command): void {
  program
    .command('probe')
    .summary('what this kernel supports of what the eBPF datapath uses')
    .description(
      'Tries each feature once, in a network namespace of its own, and leaves nothing behind. "no" is what the kernel does not have; ' +
        '"could not tell" is mostly a lack of permission. Exit code 1 where something that is needed is missing.',
    )
    .addOption(new Option('-o, --output <format>', 'how to print it').choices(outputFormats).default('table'))
    .addHelpText('after', '\nExamples:\n  sluice probe\n  sluice probe -o json')
    .action(async ({ output }: { output: (typeof outputFormats)[number] }) => {
      const report = probeKernel(await openBpf(), await openKernel());
      process.stdout.write(
        output === 'table' ? probeTable(report, styleFor(process.stdout)) : formatData(report, output),
      );
      if (report.features.some(({ needed, support }) => needed && support === 'no')) process.exitCode = 1;
    });
}

const words: Readonly<Record<Support, string>> = { yes: 'yes', no: 'no', unknown: 'could not tell' };

/** One line for each feature, and one that says what it comes to. */
export function probeTable({ kernel, features }: KernelReport, style: Style): string {
  const rows = features.map((feature) => [
    ...[feature.group, feature.name, words[feature.support], feature.needed ? 'needed' : 'optional'],
    feature.detail === undefined ? feature.use : `${feature.use} [${feature.detail}]`,
  ]);
  return `${formatTable(['GROUP', 'FEATURE', 'SUPPORTED', '', 'FOR'], rows, style)}\n${summary(kernel, features, style)}\n`;
}

function summary(kernel: string, features: readonly FeatureReport[], style: Style): string {
  const needed = features.filter((feature) => feature.needed);
  const missing = needed.filter(({ support }) => support === 'no').length;
  const unknown = needed.filter(({ support }) => support === 'unknown').length;
  if (missing > 0)
    return style.red(`Linux ${kernel}: ${missing} needed features are missing: --datapath=ebpf does not start`);
  if (unknown > 0)
    return style.yellow(`Linux ${kernel}: ${unknown} needed features could not be tried: run it as root`);
  return style.green(`Linux ${kernel}: the eBPF datapath has all that it needs`);
}

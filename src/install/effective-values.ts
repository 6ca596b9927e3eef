import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runHelm, type ValueFlags, valueFlags } from './helm.ts';

/**
 * Discovered values, files and `--set` as one, in YAML. Helm itself merges them, with a chart that prints its values: its
 * `--set` has a syntax of its own, which nobody else should read.
 */
export async function effectiveValues(
  helm: string,
  discovered: string,
  flags: ValueFlags,
  signal: AbortSignal,
): Promise<string> {
  const chart = await mkdtemp(join(tmpdir(), 'sluice-values-'));
  try {
    await mkdir(join(chart, 'templates'));
    await writeFile(join(chart, 'Chart.yaml'), 'apiVersion: v2\nname: values\nversion: 0.0.0\n');
    await writeFile(join(chart, 'templates/values.yaml'), '{{ toYaml .Values }}\n');
    const printed = await runHelm(helm, ['template', 'values', chart, ...valueFlags(flags)], {
      input: discovered,
      signal,
    });
    // Helm's own first lines are a document mark and the template's name.
    return printed.replace(/^---\n# Source: .*\n/, '');
  } finally {
    await rm(chart, { recursive: true, force: true });
  }
}

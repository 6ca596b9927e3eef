import { dump } from 'js-yaml';

export const outputFormats = ['table', 'yaml', 'json'] as const;
export type OutputFormat = (typeof outputFormats)[number];

/** Data as YAML or JSON text, with a newline at the end. */
export function formatData(data: unknown, format: 'yaml' | 'json'): string {
  return format === 'json'
    ? `${JSON.stringify(data, null, 2)}\n`
    : dump(data, { noRefs: true, lineWidth: 140, sortKeys: false });
}

import type { Metric } from '../models/state.ts';

const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?$/;
const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;

/**
 * Samples of the Prometheus text format (version 0.0.4), comments left out. JSON has no infinities and no NaN: samples with such a
 * value are left out, too.
 */
export function parsePrometheus(text: string): Metric[] {
  return text.split('\n').flatMap((line): Metric[] => {
    const match = line.startsWith('#') ? null : sample.exec(line.trim());
    if (match === null) return [];
    const [, name = '', labels = '', value = ''] = match;
    if (!Number.isFinite(Number(value))) return [];
    return [
      {
        name,
        value: Number(value),
        labels: Object.fromEntries([...labels.matchAll(label)].map(([, key = '', raw = '']) => [key, unescaped(raw)])),
      },
    ];
  });
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
}

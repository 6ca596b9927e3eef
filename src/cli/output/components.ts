import type { Component, Problem } from '../../install/component-health.ts';
import { formatTable, printable, type Style } from './table.ts';

/** The components as a table, and under it what is wrong with the next step. */
export function componentTable(components: readonly Component[], style: Style): string {
  const rows = components.map(({ name, workload, ready, wanted, updated, state }) => [
    name,
    workload,
    `${ready}/${wanted}`,
    `${updated}/${wanted}`,
    state === 'ready' ? style.green(state) : state === 'updating' ? style.yellow(state) : style.red(state),
  ]);
  const table = formatTable(['COMPONENT', 'WORKLOAD', 'READY', 'UP TO DATE', 'STATE'], rows, style);
  return `${table}${problemLines(components, style)}`;
}

/** One entry for each thing that is wrong, however many containers share it. */
export function problemLines(components: readonly Component[], style: Style): string {
  const seen = new Set<string>();
  const lines = components
    .flatMap(({ problems }) => problems)
    .filter((problem) => {
      const key = problemKey(problem);
      return seen.has(key) ? false : seen.add(key);
    })
    .map(({ object, reason, message, hint }) => {
      const next = hint === undefined ? '' : `\n  ${style.dim('hint:')} ${printable(hint)}`;
      return `${style.red('error:')} ${printable(object)}: ${printable(message)} [${printable(reason)}]${next}\n`;
    });
  return lines.length === 0 ? '' : `\n${lines.join('')}`;
}

export const problemKey = ({ object, reason, message }: Problem): string => `${object} ${reason} ${message}`;

/** While waiting: a line for each component whose numbers changed, and each problem once. */
export class ComponentProgress {
  readonly #write: (text: string) => void;
  readonly #style: Style;
  readonly #shown = new Map<string, string>();
  readonly #problems = new Set<string>();

  constructor(write: (text: string) => void, style: Style) {
    this.#write = write;
    this.#style = style;
  }

  show(components: readonly Component[]): void {
    for (const { name, ready, wanted, state } of components) {
      const text = `${name}: ${ready} of ${wanted} ready${state === 'updating' ? ', the old ones still go' : ''}`;
      if (this.#shown.get(name) === text) continue;
      this.#shown.set(name, text);
      this.#write(`${text}\n`);
    }
    const all = components.flatMap(({ problems }) => problems);
    // What has just started is not ready yet: that is no news.
    for (const problem of all.filter(({ reason }) => reason !== 'NotReady')) {
      const key = problemKey(problem);
      if (this.#problems.has(key)) continue;
      this.#problems.add(key);
      const { object, reason, message, hint } = problem;
      this.#write(
        `${this.#style.yellow('waiting:')} ${printable(object)}: ${printable(message)} [${printable(reason)}]\n`,
      );
      if (hint !== undefined) this.#write(`  ${this.#style.dim('hint:')} ${printable(hint)}\n`);
    }
  }
}

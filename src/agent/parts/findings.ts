import type { Diagnostic } from '../../api/index.ts';
import type { Log } from '../../lib/log.ts';
import { collectDiagnostics, type Locate } from '../../status/index.ts';
import type { ControlPlane } from '../control-plane.ts';
import { followDiagnostics, logDiagnostics } from '../diagnostics-log.ts';
import type { NodeWatcher } from '../watcher.ts';

/** Everything that is wrong, whoever found it: told when it appears and when it is gone, once. */
export class Findings {
  readonly #plane: ControlPlane;
  readonly #locate: Locate;
  readonly #reporter: ReturnType<typeof followDiagnostics>;
  /** By who found them; what the control plane found is in its collections. */
  readonly #others = new Map<string, readonly Diagnostic[]>();

  constructor(plane: ControlPlane, locate: Locate, tell: NodeWatcher['diagnostics']) {
    this.#plane = plane;
    this.#locate = locate;
    this.#reporter = followDiagnostics(plane.diagnostics, () => this.all(), tell);
  }

  /** All that one finder has, in place of what it had. Nobody is told of the same twice. */
  set(finder: string, diagnostics: readonly Diagnostic[]): void {
    const before = this.#others.get(finder) ?? [];
    this.#others.set(finder, diagnostics);
    if (before.length > 0 || diagnostics.length > 0) this.#reporter.changed();
  }

  /** With places, errors first. */
  all(): Diagnostic[] {
    return collectDiagnostics([...this.#others.values()].flat(), this.#plane.diagnostics, this.#locate);
  }

  close(): void {
    this.#reporter.close();
  }
}

export function tellOf(log: Log, watcher: NodeWatcher | undefined): NodeWatcher['diagnostics'] {
  return watcher === undefined ? logDiagnostics(log) : watcher.diagnostics.bind(watcher);
}

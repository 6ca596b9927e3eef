import { type KubeClient, pathOf, type RawObject, Reflector } from '../kube/index.ts';
import type { Fault } from '../lib/fault.ts';
import { orAborted } from '../lib/or-aborted.ts';

export interface FollowOptions {
  readonly client: KubeClient;
  readonly kind: string;
  readonly signal: AbortSignal;
  readonly set: (object: RawObject) => void;
  readonly delete: (name: string) => void;
  /** Everything has been read; also each time that everything had to be read again. */
  readonly complete: () => void;
  readonly onFault: (fault: Fault) => void;
}

/** ms between attempts, while the kind is not there. */
const again = 60_000;

/** Objects of a kind without namespaces, as they come and go. Resolves when the signal is aborted. */
export async function followKind(options: FollowOptions): Promise<void> {
  const { client, kind, signal } = options;
  const names = new Set<string>();
  let seen = new Set<string>();
  const set = (object: RawObject) => {
    names.add(nameOf(object));
    options.set(object);
  };
  const remove = (name: string) => {
    if (names.delete(name)) options.delete(name);
  };
  while (!signal.aborted) {
    const reflector = new Reflector({
      client,
      path: pathOf(kind),
      signal,
      onFault: options.onFault,
      follower: {
        startList: () => {
          seen = new Set();
        },
        listed: (objects) => {
          for (const object of objects) {
            seen.add(nameOf(object));
            set(object);
          }
        },
        unlisted: (object) => {
          seen.delete(nameOf(object));
          remove(nameOf(object));
        },
        endList: () => {
          for (const name of [...names]) if (!seen.has(name)) remove(name);
          options.complete();
        },
        changed: (events) => {
          for (const { type, object } of events) {
            if (type === 'DELETED') remove(nameOf(object));
            else set(object);
          }
        },
      },
    });
    // Its CustomResourceDefinition may come later. What is known stays: a 404 alone is no reason to forget anything.
    if ((await reflector.run()) === 'not-found') await pause(again, signal);
  }
}

const nameOf = ({ metadata }: RawObject): string => metadata?.name ?? '';

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const passed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms).unref();
  });
  await orAborted(passed, signal).catch(() => {});
  clearTimeout(timer);
}

/** For tests only: an API server that writes down what it is asked, and answers as it is told to. */
import { type KubeClient, KubeFault, type KubeRequest } from '../../../kube/index.ts';

export interface RecordedClient extends KubeClient {
  readonly requests: KubeRequest[];
  /** Resolves when there have been so many requests. */
  seen(count: number): Promise<void>;
  /** For the next request. */
  fail(code: string, status?: number): void;
}

export function recordedClient(): RecordedClient {
  const requests: KubeRequest[] = [];
  const faults: KubeFault[] = [];
  let waiting: { count: number; resolve: () => void }[] = [];
  return {
    server: 'https://api.test',
    namespace: 'kube-system',
    requests,
    async request<T>(request: KubeRequest): Promise<T> {
      requests.push(request);
      // After the caller has taken its answer.
      setImmediate(() => {
        for (const each of waiting) if (requests.length >= each.count) each.resolve();
        waiting = waiting.filter(({ count }) => requests.length < count);
      });
      const fault = faults.shift();
      if (fault !== undefined) throw fault;
      return {} as T;
    },
    watch: () => assertNever(),
    watchBatches: () => assertNever(),
    close() {},
    seen(count) {
      if (requests.length >= count) return Promise.resolve();
      return new Promise((resolve) => waiting.push({ count, resolve }));
    },
    fail: (code, status = 0) => void faults.push(new KubeFault(code, code, { status })),
  };
}

function assertNever(): never {
  throw new Error('nothing is watched');
}

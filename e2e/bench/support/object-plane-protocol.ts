import type { RouteSpec, ServiceSpec } from './objects.ts';

/** What a bench tells the process that `object-plane-main.ts` is, and what comes back. Times: ms on the monotonic clock. */
export type Command =
  | {
      readonly op: 'prepare';
      readonly port: number;
      readonly routes: number;
      readonly services: readonly ServiceSpec[];
    }
  /** Gives all of it to an empty control plane and starts Envoy, at the same moment. */
  | { readonly op: 'start'; readonly stateDir: string }
  | { readonly op: 'set-route'; readonly route: RouteSpec }
  | { readonly op: 'delete-route'; readonly name: string }
  /** Replaces a Service's endpoints and waits for Envoy's ACK. */
  | { readonly op: 'set-endpoints'; readonly service: ServiceSpec };

export interface Started {
  readonly startedAt: number;
  /** ms since then. */
  readonly stored: number;
  readonly translated: number;
  readonly envoyReady: number;
}

export interface Acked {
  /** From before the object was written to the ACK. */
  readonly ms: number;
  /** Resources and removals sent meanwhile, of all types. */
  readonly sent: number;
}

export interface Answers {
  readonly prepare: { readonly objects: number };
  readonly start: Started;
  /** When it was written, before anything came of it. */
  readonly 'set-route': { readonly at: number };
  readonly 'delete-route': { readonly at: number };
  readonly 'set-endpoints': Acked;
}

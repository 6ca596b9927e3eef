import type { EndpointState } from '../../api/index.ts';
import type { PodInterface } from '../../cni/index.ts';
import { attachmentKey, type Endpoint } from '../../network/endpoint/index.ts';
import type { SubjectPolicy } from '../../network/policy/index.ts';

export interface EndpointLogLine {
  /** ms since the epoch. */
  readonly time: number;
  readonly state: EndpointState;
  readonly failed: boolean;
  readonly message: string;
}

/** Lines that are kept of each endpoint. */
const mostLines = 32;

/** One endpoint of this node as its manager has it: what it is now, and what it holds. */
export class ManagedEndpoint {
  readonly key: string;
  endpoint: Endpoint;
  made: PodInterface;
  /** Held: given back once the kernel does not use it any more. */
  subject: SubjectPolicy;
  /** Labels of the pod that are not in its identity, for people. */
  otherLabels: readonly string[] = [];
  removed = false;
  /** Rises with each change of its pod, so that an identity that comes late is not taken for a later one's. */
  revision = 0;
  readonly log: EndpointLogLine[] = [];

  constructor(endpoint: Endpoint, made: PodInterface, subject: SubjectPolicy) {
    this.key = attachmentKey(endpoint);
    this.endpoint = endpoint;
    this.made = made;
    this.subject = subject;
  }

  note(message: string, failed = false): void {
    this.log.push({ time: Date.now(), state: this.endpoint.state, failed, message });
    if (this.log.length > mostLines) this.log.shift();
  }
}

/** One packet that the datapath tells of, in people's words. The time is in ms since the epoch, with fractions. */
export interface Flow {
  readonly kind: 'flow';
  readonly time: number;
  readonly type: FlowType;
  readonly verdict: Verdict;
  /** Whose policy it was about: the receiver's, or the sender's. */
  readonly direction: 'ingress' | 'egress';
  /** Where the packet went, or was dropped: `to-endpoint`. */
  readonly point: string;
  /** The endpoint whose policy it was about; none where that was not known. */
  readonly endpoint?: number;
  readonly source: Party;
  readonly destination: Party;
  /** `TCP`, `UDP`, `ICMP`, `ICMPv6`, or the number; none where it was not found. */
  readonly protocol?: string;
  /** `SYN,ACK` */
  readonly tcpFlags?: string;
  readonly icmp?: { readonly type: number; readonly code: number };
  readonly drop?: DropDetail;
  /** Of traces and verdicts: what the connection is to the packet. */
  readonly connection?: 'new' | 'established' | 'reply' | 'related';
  readonly policy: PolicyDetail;
  /** bytes */
  readonly length: number;
  readonly interface?: string;
  readonly targetInterface?: string;
  readonly fragment?: true;
  /** A connection that was there before: a change of policy made it be judged again. */
  readonly rejudged?: true;
  readonly proxyPort?: number;
}

export type FlowType = 'drop' | 'trace' | 'policy-verdict';
export type Verdict = 'forwarded' | 'dropped' | 'audit' | 'redirected';

/** One side of a flow. */
export interface Party {
  /** Empty where the packet is no IP. */
  readonly address: string;
  readonly port?: number;
  readonly identity: number;
  readonly labels: readonly string[];
  readonly pod?: { readonly namespace: string; readonly name: string };
  /** Id of the endpoint, where it is one of this node. */
  readonly endpoint?: number;
  readonly mac?: string;
}

export interface DropDetail {
  readonly reason: number;
  /** A few words: `Policy denied`. */
  readonly name: string;
  /** A sentence: what happened, and what to look at. */
  readonly explanation: string;
  /** `policy:123`: file and line of the program. */
  readonly location: string;
}

export interface PolicyDetail {
  /** What the deciding entry was for. */
  readonly match: 'none' | 'L3-only' | 'L3-L4' | 'L4-only' | 'all';
  /** The rule that decided: `shop/web ingress[0].toPorts[1]`. */
  readonly rule?: string;
  /** Nothing allowed it: the rules that make it so that something must. */
  readonly defaultDenyBy?: readonly string[];
  /** False where nothing was enforced and no rule asked. */
  readonly enforced: boolean;
}

/** Something that the agent itself did. */
export interface AgentNotice {
  readonly kind: 'agent';
  readonly time: number;
  /** `policy-updated`, `endpoint-created`, `endpoint-deleted`, `started` ... */
  readonly event: string;
  readonly message: string;
}

/** Events that nobody will see: exact. */
export interface LostNotice {
  readonly kind: 'lost';
  readonly time: number;
  readonly count: number;
  /** The kernel's ring buffer was full, or this reader was too slow. */
  readonly where: 'ring-buffer' | 'reader';
}

export type MonitorEvent = Flow | AgentNotice | LostNotice;
export const monitorTypes = ['agent', 'drop', 'policy-verdict', 'trace'] as const;
export type MonitorType = (typeof monitorTypes)[number];

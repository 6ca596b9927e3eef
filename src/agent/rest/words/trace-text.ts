import type { TracePort, TraceQuery, TraceStep } from '../view/policy-view.ts';

/** A connection is allowed where both sides allow it; of several ports, where each is. */
export function traceVerdict(steps: readonly TraceStep[]): 'allowed' | 'denied' {
  return steps.some(({ verdict }) => verdict === 'deny') ? 'denied' : 'allowed';
}

/** What `policy trace` prints: the question, and what each side says, by which rule. The verdict is the client's to print. */
export function traceText({ from, to, ports }: TraceQuery, steps: readonly TraceStep[], verbose: boolean): string {
  const lines = [
    'Tracing',
    `  from ${from.join(' ')}`,
    `  to   ${to.join(' ')}`,
    `  port ${ports.length === 0 ? 'any' : ports.map(portText).join(', ')}`,
    '',
  ];
  for (const { direction, port, verdict, rule, reason, considered } of steps) {
    const at = port === undefined ? '' : ` ${portText(port)}`;
    lines.push(`${direction}${at}: ${verdicts[verdict]}${rule === undefined ? '' : ` by ${rule}`}`, `  ${reason}`);
    if (verbose) lines.push(...(considered ?? []).map((text) => `  - ${text}`));
  }
  return `${lines.join('\n')}\n`;
}

const verdicts = { allow: 'allowed', deny: 'denied', redirect: 'allowed, through the proxy' } as const;

export function portText({ protocol, port }: TracePort): string {
  return `${port}/${protocol}`;
}

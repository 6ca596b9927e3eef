import type { AggregatedFlow, Flow, MonitorEvent, Party } from '../../flows/index.ts';
import { plain, printable, type Style } from './table.ts';

export interface FlowLineOptions {
  /** Addresses and numbers, no names. */
  readonly numeric?: boolean;
  /** Labels, devices, MAC addresses and explanations on lines below. */
  readonly verbose?: boolean;
  readonly style?: Style;
}

/** One event for people: when, what, who to whom, and why. Ends with a newline. */
export function flowLine(event: MonitorEvent | AggregatedFlow, options: FlowLineOptions = {}): string {
  const { style = plain } = options;
  const time = new Date(event.time).toISOString().slice(11, 23);
  if (event.kind === 'lost') {
    const where = event.where === 'reader' ? 'this reader was too slow' : "the kernel's ring buffer was full";
    return `${time} ${style.red('LOST')} ${event.count} event${event.count === 1 ? '' : 's'}: ${where}\n`;
  }
  if (event.kind === 'agent') return `${time} ${style.dim('agent')} ${event.event}: ${printable(event.message)}\n`;
  const words = [
    time,
    verdictText(event, style),
    event.direction,
    `${partyText(event.source, options)} -> ${partyText(event.destination, options)}`,
    protocolText(event),
    ...(event.connection === undefined ? [] : [event.connection]),
    reasonText(event),
    ...(event.rejudged === true ? ['(judged again)'] : []),
    ...('count' in event ? [`(${event.count} more, ${event.bytes} bytes)`] : []),
  ];
  const line = `${words.filter((word) => word !== '').join(' ')}\n`;
  return options.verbose === true ? line + details(event, style) : line;
}

function verdictText({ verdict, type, point }: Flow, style: Style): string {
  if (verdict === 'dropped') return style.red('DROPPED');
  if (verdict === 'audit') return style.yellow('AUDIT');
  const text = verdict === 'redirected' ? 'REDIRECTED' : 'FORWARDED';
  return type === 'trace' ? `${style.dim(text)} ${point}` : style.green(text);
}

function partyText({ address, port, identity, pod }: Party, { numeric }: FlowLineOptions): string {
  const name = pod !== undefined && numeric !== true ? `${pod.namespace}/${pod.name}` : undefined;
  const host = name ?? (address.includes(':') && port !== undefined ? `[${address}]` : address);
  return `${printable(host)}${port === undefined ? '' : `:${port}`} (${identity})`;
}

function protocolText({ protocol, tcpFlags, icmp, fragment }: Flow): string {
  const parts = [
    protocol ?? '',
    tcpFlags ?? '',
    icmp === undefined ? '' : `type ${icmp.type} code ${icmp.code}`,
    fragment === true ? 'fragment' : '',
  ];
  return parts.filter((part) => part !== '').join(' ');
}

/** For a drop the reason and who wants it so; else the rule that allowed it. */
function reasonText({ drop, policy, type }: Flow): string {
  const by = policy.rule ?? policy.defaultDenyBy?.join(', ');
  if (drop !== undefined) return `${drop.name}${by === undefined || by === '' ? '' : `, by ${by}`}`;
  if (type !== 'policy-verdict') return '';
  if (policy.rule !== undefined) return `by ${policy.rule}`;
  return policy.enforced ? '' : 'no policy';
}

function details(flow: Flow, style: Style): string {
  const side = (name: string, { address, mac, labels, endpoint }: Party) =>
    `${name} ${[address, mac ?? '', endpoint === undefined ? '' : `endpoint ${endpoint}`, labels.join(' ')]
      .filter((text) => text !== '')
      .join(', ')}`;
  const lines = [
    side('from', flow.source),
    side('to  ', flow.destination),
    `${flow.length} bytes on ${flow.interface ?? 'an unknown device'}${flow.targetInterface === undefined ? '' : `, to ${flow.targetInterface}`}; match ${flow.policy.match}`,
    ...(flow.drop === undefined ? [] : [`${flow.drop.explanation} (${flow.drop.location})`]),
  ];
  return lines.map((line) => style.dim(`             ${printable(line)}\n`)).join('');
}

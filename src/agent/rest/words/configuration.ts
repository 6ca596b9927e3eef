import type { ConfigurationMap } from '../models/endpoint.ts';
import { BadRequest } from '../router.ts';
import type { RuntimeConfig } from '../view/state-view.ts';

/** FIN, SYN and RST: what Cilium's level "medium" tells of. */
export const defaultAggregationFlags = 0x07;
/** ms */
export const defaultAggregationInterval = 5000;

const switches = {
  PolicyAuditMode: 'audit',
  TraceNotification: 'traceEvents',
  PolicyVerdictNotification: 'verdictEvents',
} as const satisfies Record<string, keyof RuntimeConfig>;

/** The options that can be changed while the agent runs, in the words of `cilium config`. */
export function optionsOf(config: RuntimeConfig): ConfigurationMap {
  return {
    ...Object.fromEntries(Object.entries(switches).map(([name, key]) => [name, onOff(config[key])])),
    MonitorAggregationLevel: aggregationLevel(config),
  };
}

/** None: every packet. Medium: the first, those with a flag of note, and one in each interval. Maximum: without the flags. */
function aggregationLevel({ aggregationInterval, aggregationFlags }: RuntimeConfig): string {
  if (aggregationInterval === 0) return 'None';
  return aggregationFlags === 0 ? 'Maximum' : 'Medium';
}

const levels: Readonly<Record<string, Pick<RuntimeConfig, 'aggregationInterval' | 'aggregationFlags'>>> = {
  none: { aggregationInterval: 0, aggregationFlags: 0 },
  disabled: { aggregationInterval: 0, aggregationFlags: 0 },
  medium: { aggregationInterval: defaultAggregationInterval, aggregationFlags: defaultAggregationFlags },
  maximum: { aggregationInterval: defaultAggregationInterval, aggregationFlags: 0 },
  max: { aggregationInterval: defaultAggregationInterval, aggregationFlags: 0 },
};

/**
 * A change of these options.
 * @throws BadRequest with what would be right; nothing of the change is taken then
 */
export function changeOf(options: Readonly<Record<string, unknown>>): Partial<RuntimeConfig> {
  let change: Partial<RuntimeConfig> = {};
  for (const [name, value] of Object.entries(options)) {
    if (name === 'MonitorAggregationLevel') {
      const level = Object.hasOwn(levels, String(value).toLowerCase())
        ? levels[String(value).toLowerCase()]
        : undefined;
      if (level === undefined)
        throw new BadRequest(`MonitorAggregationLevel is ${String(value)}; it can be None, Medium or Maximum`);
      change = { ...change, ...level };
      continue;
    }
    const key = Object.hasOwn(switches, name) ? switches[name as keyof typeof switches] : undefined;
    if (key === undefined)
      throw new BadRequest(
        `${name} is no option that can be changed; there are ${[...Object.keys(switches), 'MonitorAggregationLevel'].join(', ')}`,
      );
    change = { ...change, [key]: isOn(name, value) };
  }
  return change;
}

/** As Cilium's tools write it. @throws BadRequest */
export function isOn(name: string, value: unknown): boolean {
  const text = String(value).toLowerCase();
  if (['enabled', 'enable', 'true', '1', 'on'].includes(text)) return true;
  if (['disabled', 'disable', 'false', '0', 'off'].includes(text)) return false;
  throw new BadRequest(`${name} is ${text}; it can be Enabled or Disabled`);
}

function onOff(value: boolean): string {
  return value ? 'Enabled' : 'Disabled';
}

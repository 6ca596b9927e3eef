import { isObject } from '../lib/is-object.ts';
import { CniError, cniCode } from './cni-error.ts';

/** `type` of our plugin, which is the name of its file. */
export const pluginType = 'sluice-cni';

export interface PluginSettings {
  /** Bytes; absent: as the agent has it. */
  readonly mtu?: number;
}

/**
 * The network configuration list (CNI specification, section 1) of a cluster whose pods are ours alone. Runtimes that know 1.1 also
 * ask for STATUS and GC; others take the version that stands alone.
 */
export function ownNetworkList(settings: PluginSettings = {}): string {
  return format({
    cniVersion: '1.0.0',
    cniVersions: ['1.0.0', '1.1.0'],
    name: 'sluice',
    plugins: [{ type: pluginType, ...settings }],
  });
}

/**
 * Another plugin's configuration, list or single, with ours at the end of its chain: it goes on making interfaces and giving
 * addresses, and we attach to them. Made again of its own output, it is the same.
 * @throws CniError `badConfig` where it is none
 */
export function chainedNetworkList(text: string): string {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (error) {
    throw new CniError(cniCode.badConfig, `no JSON: ${(error as Error).message}`, { cause: error });
  }
  if (!isObject(config) || typeof config.name !== 'string')
    throw new CniError(cniCode.badConfig, 'no CNI configuration');
  const { plugins: list, ...rest } = config;
  const single = list === undefined;
  const plugins: unknown[] = single ? [withoutCommon(rest)] : Array.isArray(list) ? list : [];
  if (plugins.length === 0 || !plugins.every((one) => isObject(one) && typeof one.type === 'string'))
    throw new CniError(cniCode.badConfig, 'no list of plugins with types');
  const others = plugins.filter((one) => (one as { type: string }).type !== pluginType);
  const { cniVersion = '0.3.1', name } = config;
  const top = single ? { cniVersion, name } : { ...rest, cniVersion };
  return format({ ...top, plugins: [...others, { type: pluginType }] });
}

/** The name of the network that a file configures; undefined where it is no configuration. */
export function networkName(text: string): string | undefined {
  try {
    const config: unknown = JSON.parse(text);
    return isObject(config) && typeof config.name === 'string' ? config.name : undefined;
  } catch {
    return undefined;
  }
}

function withoutCommon({ cniVersion: _, name: __, ...plugin }: Record<string, unknown>): unknown {
  return plugin;
}

const format = (list: object) => `${JSON.stringify(list, undefined, 2)}\n`;

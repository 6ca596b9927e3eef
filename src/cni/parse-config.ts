import { isObject } from '../lib/is-object.ts';
import { checkAttachment, isId } from './check-attachment.ts';
import { CniError, cniCode } from './cni-error.ts';
import { parseResult } from './parse-result.ts';
import type { Attachment, NetworkConfig } from './request.ts';
import { cniVersions, isCniVersion } from './version.ts';

/** Bytes: what IPv6 asks of every link (RFC 8200, section 5), and the most that a veth takes. */
const mtuRange = { least: 1280, most: 65535 };

export interface ParsedConfig {
  readonly config: NetworkConfig;
  /** Of GC; undefined where the configuration has none. */
  readonly attachments?: readonly Attachment[];
}

/**
 * The configuration of one plugin, as runtimes give it to it. Fields that we know nothing of are other plugins', or say what
 * does not concern us; those that ask for what we don't do are refused.
 * @throws CniError `undecodable`, `incompatibleVersion`, `unsupportedField`, `badConfig`
 */
export function parseConfig(text: string): ParsedConfig {
  const raw = decode(text);
  const { cniVersion = '0.1.0', name, mtu, ipam, prevResult } = raw;
  if (typeof cniVersion !== 'string' || !isCniVersion(cniVersion)) {
    const message = `CNI version ${JSON.stringify(cniVersion)} is not supported`;
    throw new CniError(cniCode.incompatibleVersion, message, { details: `supported: ${cniVersions.join(', ')}` });
  }
  if (!isId(name)) throw bad('name', name, 'the name of a network');
  if (isObject(ipam) ? Object.keys(ipam).length > 0 : ipam !== undefined) {
    const message = `unsupported field ipam: ${JSON.stringify(ipam)}`;
    throw new CniError(cniCode.unsupportedField, message, { details: 'addresses are given by the agent (--ipam)' });
  }
  if (mtu !== undefined && !isMtu(mtu)) throw bad('mtu', mtu, `from ${mtuRange.least} to ${mtuRange.most}`);
  // The second is what the specification called it by mistake, and what older runtimes send.
  const key = ['cni.dev/valid-attachments', 'cni.dev/attachments'].find((one) => one in raw);
  return {
    config: {
      ...{ cniVersion, name },
      // 0 is how many write "none".
      ...(isMtu(mtu) && mtu > 0 ? { mtu } : {}),
      ...(prevResult === undefined || prevResult === null ? {} : { prevResult: parseResult(prevResult) }),
    },
    ...(key === undefined ? {} : { attachments: parseAttachments(key, raw[key]) }),
  };
}

function decode(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CniError(cniCode.undecodable, 'the network configuration is no JSON', {
      details: (error as Error).message,
      cause: error,
    });
  }
  if (!isObject(value)) throw new CniError(cniCode.undecodable, 'the network configuration is no JSON object');
  return value;
}

function isMtu(value: unknown): value is number {
  if (!Number.isInteger(value)) return false;
  const mtu = value as number;
  return mtu === 0 || (mtu >= mtuRange.least && mtu <= mtuRange.most);
}

function parseAttachments(key: string, value: unknown): Attachment[] {
  // A list of none, as Go writes it.
  if (value === null) return [];
  if (!Array.isArray(value)) throw bad(key, value, 'a list');
  return value.map((one: unknown) => {
    const attachment = isObject(one) ? checkAttachment(one.containerID, one.ifname) : undefined;
    if (attachment === undefined) throw bad(key, one, 'a list of {containerID, ifname}');
    return attachment;
  });
}

function bad(field: string, value: unknown, wanted: string): CniError {
  const is = value === undefined ? 'is missing' : `is ${JSON.stringify(value)}`;
  return new CniError(cniCode.badConfig, `${field} ${is}; it must be ${wanted}`);
}

import { endpointStates } from '../../api/index.ts';
import { parseIp } from '../../lib/ip-address.ts';
import { isObject } from '../../lib/is-object.ts';
import type { Endpoint } from './endpoint.ts';

/** Of what is written; a record of another version is not believed. */
const version = 1;

/** What is kept on disk of an endpoint, so that an agent that is started anew knows it. Interfaces' indexes do not outlive the machine. */
export function formatEndpointRecord(endpoint: Endpoint): string {
  return `${JSON.stringify({ version, endpoint }, undefined, 1)}\n`;
}

/** Undefined for anything that no agent of this version can have written whole. */
export function parseEndpointRecord(text: string): Endpoint | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(raw) || raw.version !== version || !isObject(raw.endpoint)) return undefined;
  return isEndpoint(raw.endpoint) ? (raw.endpoint as unknown as Endpoint) : undefined;
}

function isEndpoint(one: Record<string, unknown>): boolean {
  const { id, addresses, macs, pod, labels, namedPorts, identity, state, userLabels, audit, external } = one;
  return (
    isNumber(id, 1, 65535) &&
    isNumber(one.hostIfindex, 0, 0x7fffffff) &&
    isNumber(one.created, 0, Number.MAX_SAFE_INTEGER) &&
    ['containerId', 'ifname', 'netns', 'hostInterface'].every((name) => typeof one[name] === 'string') &&
    typeof one.chained === 'boolean' &&
    isObject(addresses) &&
    isAddress(addresses.ipv4, 4) &&
    isAddress(addresses.ipv6, 6) &&
    isObject(macs) &&
    isMac(macs.pod) &&
    isMac(macs.host) &&
    isObject(pod) &&
    ['namespace', 'name', 'uid'].every((name) => typeof pod[name] === 'string') &&
    isTexts(labels) &&
    (userLabels === undefined || isTexts(userLabels)) &&
    (audit === undefined || typeof audit === 'boolean') &&
    (external === undefined || isExternal(external)) &&
    Array.isArray(namedPorts) &&
    namedPorts.every(
      (port) =>
        isObject(port) && typeof port.name === 'string' && isNumber(port.port, 1, 65535) && isProtocol(port.protocol),
    ) &&
    (identity === undefined || isNumber(identity, 1, 0xffffff)) &&
    (endpointStates as readonly unknown[]).includes(state)
  );
}

const isTexts = (value: unknown) => Array.isArray(value) && value.every((text) => typeof text === 'string');
const isExternal = (value: unknown) =>
  isObject(value) &&
  isTexts(value.labels) &&
  ['containerName', 'dockerEndpointId', 'dockerNetworkId'].every(
    (name) => value[name] === undefined || typeof value[name] === 'string',
  );
const isNumber = (value: unknown, least: number, most: number) =>
  Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
const isAddress = (value: unknown, family: 4 | 6) =>
  value === undefined || (typeof value === 'string' && parseIp(value)?.family === family);
const isMac = (value: unknown) => typeof value === 'string' && /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(value);
const isProtocol = (value: unknown) => value === 'TCP' || value === 'UDP' || value === 'SCTP';

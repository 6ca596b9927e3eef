import type { ObjectRef } from '../api/index.ts';
import { compareText } from '../lib/compare.ts';
import { type Rejection, type ResourceType, resourceTypes } from '../mesh/envoy/resource.ts';
import { rejectionKey } from './rejections.ts';

/** How operators find the reports of all nodes. */
export const rejectionLabel = 'sluice.dev/rejections';
const dataKey = 'rejections.json';

/** The first so many by key: an Envoy that refuses more refuses all, and the reasons are the same. */
const mostRejections = 100;
const mostMessage = 1024;
const mostOrigins = 20;
/** Objects of the API server hold a MiB at most (and etcd 1.5); this is read by every operator at each change. */
const mostBytes = 256 << 10;

/** `sluice-rejections-NODE`, with the node's name as it is: both are DNS subdomains. */
export function rejectionReportName(node: string): string {
  return `sluice-rejections-${node}`.slice(0, 253).replace(/[-.]+$/, '');
}

/** The `data` of a node's ConfigMap: what its Envoy refuses, for whoever writes statuses. Equal rejections give equal text. */
export function encodeRejections(rejections: Iterable<Rejection>): Record<string, string> {
  const sorted = [...rejections].sort((a, b) => compareText(rejectionKey(a), rejectionKey(b)));
  const rows: string[] = [];
  let bytes = 2;
  for (const { type, name, fragment, version, message, origins } of sorted.slice(0, mostRejections)) {
    const row = JSON.stringify({
      ...{ type, name, ...(fragment === undefined ? {} : { fragment }), version },
      message: message.slice(0, mostMessage),
      origins: origins.slice(0, mostOrigins),
    });
    bytes += Buffer.byteLength(row) + 2;
    if (bytes > mostBytes) break;
    rows.push(row);
  }
  return { [dataKey]: `[${rows.join(',\n')}]` };
}

/** What a report says; rows that are none are left out, as anybody who may write ConfigMaps there can write anything. */
export function parseRejections(data: Readonly<Record<string, string>>): Rejection[] {
  let rows: unknown;
  try {
    rows = JSON.parse(data[dataKey] ?? '[]');
  } catch {
    return [];
  }
  return Array.isArray(rows) ? rows.slice(0, mostRejections).flatMap((row) => rejectionOf(row) ?? []) : [];
}

function rejectionOf(row: unknown): Rejection | undefined {
  if (!isRecord(row)) return undefined;
  const { type, name, fragment, version, message, origins } = row;
  if (typeof type !== 'string' || !Object.hasOwn(resourceTypes, type)) return undefined;
  if (typeof name !== 'string' || typeof version !== 'string' || typeof message !== 'string') return undefined;
  if (!(fragment === undefined || typeof fragment === 'string') || !Array.isArray(origins)) return undefined;
  const refs = origins.map(refOfRow);
  if (!refs.every((ref) => ref !== undefined)) return undefined;
  return {
    type: type as ResourceType,
    name,
    ...(fragment === undefined ? {} : { fragment }),
    version,
    message: message.slice(0, mostMessage),
    origins: refs.slice(0, mostOrigins),
  };
}

function refOfRow(value: unknown): ObjectRef | undefined {
  if (!isRecord(value)) return undefined;
  const { group, kind, namespace, name } = value;
  if (typeof group !== 'string' || typeof kind !== 'string' || typeof name !== 'string') return undefined;
  if (namespace === undefined) return { group, kind, name };
  return typeof namespace === 'string' ? { group, kind, namespace, name } : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

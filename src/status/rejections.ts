import { type Diagnostic, refKey } from '../api/index.ts';
import type { Rejection } from '../mesh/envoy/resource.ts';
import type { DerivedCollection, Index, Store, Table } from '../store/index.ts';

/** What Envoy refused, as a source of the store: it becomes diagnostics and conditions of the objects behind it. */
export interface Rejections {
  readonly table: Table<Rejection>;
  /** By `refKey` of each origin. */
  readonly byOrigin: Index<Rejection>;
  /** By `refKey` of the object that they are about. */
  readonly diagnostics: DerivedCollection<readonly Diagnostic[]>;
}

export function createRejections(store: Store): Rejections {
  const table = store.table<Rejection>('rejections');
  const byOrigin = table.index('origin', (rejection) => rejection.origins.map(refKey));
  const diagnostics = store.group<Rejection, readonly Diagnostic[]>(byOrigin, {
    name: 'rejection diagnostics',
    map: (_fetch, members, key) => [[key, sorted(members).flatMap((rejection) => toDiagnostic(rejection, key))]],
  });
  return { table, byOrigin, diagnostics };
}

export function rejectionKey(rejection: Pick<Rejection, 'type' | 'name' | 'fragment'>): string {
  return `${rejection.type}/${rejection.name}/${rejection.fragment ?? ''}`;
}

function toDiagnostic(rejection: Rejection, key: string): Diagnostic[] {
  const object = rejection.origins.find((ref) => refKey(ref) === key);
  if (object === undefined) return [];
  const what = rejection.fragment === undefined ? rejection.name : `${rejection.name} (${rejection.fragment})`;
  const why = bindFailure(rejection) ?? {
    reason: 'RejectedByEnvoy',
    message: `Envoy refused ${rejection.type} ${what}: ${rejection.message.trim()}`,
    hint: 'the last version that Envoy took stays in force; change the object and it is tried again',
  };
  return [{ severity: 'error', ...why, object }];
}

const otherPort =
  'choose another port: --http-port or --https-port for Ingress, the port of its listener for a Gateway';

const bindError = /cannot bind '([^']+)': ([\w ]+)/;

/** The address that Envoy could not listen on, if that is why it refused a listener. */
export function refusedAddress(rejection: Rejection): { readonly host: string; readonly port: number } | undefined {
  if (rejection.type !== 'listeners') return undefined;
  const [, host, port] = /^\[?([^\]]+?)\]?:(\d+)$/.exec(bindError.exec(rejection.message)?.[1] ?? '') ?? [];
  return host === undefined ? undefined : { host, port: Number(port) };
}

/** A listener that is right, and that this machine does not let Envoy open: what the person can do is something else. */
function bindFailure(rejection: Rejection): Pick<Diagnostic, 'reason' | 'message' | 'hint'> | undefined {
  if (rejection.type !== 'listeners') return undefined;
  const [, place, error] = bindError.exec(rejection.message) ?? [];
  const port = /:(\d+)$/.exec(place ?? '')?.[1] ?? '';
  switch (error?.trim()) {
    case 'Address already in use':
      return {
        reason: 'PortInUse',
        message: `another process listens on ${place}; nothing is served there (Envoy: ${rejection.message.trim()})`,
        hint: `\`ss -ltnp 'sport = :${port}'\` shows which: stop it, or ${otherPort}`,
      };
    case 'Permission denied':
      return {
        reason: 'PortNotPermitted',
        message: `this user may not listen on ${place}; nothing is served there (Envoy: ${rejection.message.trim()})`,
        hint: `ports below 1024 are for root: ${otherPort}, or lower net.ipv4.ip_unprivileged_port_start`,
      };
    case 'Cannot assign requested address':
      return {
        reason: 'AddressNotUsable',
        message: `${place} is no address of this machine; nothing is served there (Envoy: ${rejection.message.trim()})`,
        hint: '`ip address` lists those that there are: choose one with --address, or in spec.addresses of the Gateway',
      };
    default:
      return undefined;
  }
}

function sorted(members: readonly Rejection[]): Rejection[] {
  return [...members].sort((a, b) => (rejectionKey(a) < rejectionKey(b) ? -1 : 1));
}

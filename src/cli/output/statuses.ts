import { formatRef } from '../../api/index.ts';
import type { Condition, ObjectStatus } from '../../mesh/model/index.ts';
import { formatTable, type Style } from './table.ts';

type Value = Readonly<Record<string, unknown>>;

/** Statuses as Kubernetes would show them: one document for each object, in the order of their names. */
export function statusDocuments(statuses: readonly ObjectStatus[]): object[] {
  return inOrder(statuses).map(({ ref: { group, kind, namespace, name }, value }) => ({
    group,
    kind,
    metadata: { ...(namespace === undefined ? {} : { namespace }), name },
    status: value,
  }));
}

/** A row for each condition of each object, of its parents and of its listeners; those that do not hold say why. */
export function statusTable(statuses: readonly ObjectStatus[], style: Style): string {
  const rows = inOrder(statuses).flatMap(({ ref, value }) => {
    const parts = rowsOf(value);
    return (parts.length > 0 ? parts : [['', '', '', addressesOf(value)]]).map((part) => [formatRef(ref), ...part]);
  });
  return formatTable(['OBJECT', 'PART', 'CONDITION', 'STATUS', 'WHY'], rows, style);
}

function rowsOf(value: Value): string[][] {
  return [
    ...conditionRows('', value),
    ...list(value.listeners).flatMap((listener) =>
      conditionRows(`listener ${listener.name} (${routes(Number(listener.attachedRoutes ?? 0))})`, listener),
    ),
    ...list(value.parents).flatMap((parent) => conditionRows(parentName(parent.parentRef as Value), parent)),
    ...list(value.ancestors).flatMap((ancestor) => conditionRows(parentName(ancestor.ancestorRef as Value), ancestor)),
  ];
}

function conditionRows(part: string, { conditions }: Value): string[][] {
  return (list(conditions) as unknown as readonly Condition[]).map(({ type, status, reason, message }) => [
    part,
    type,
    status,
    reason === type ? '' : message === '' ? reason : `${reason}: ${message}`,
  ]);
}

function routes(count: number): string {
  return `${count} route${count === 1 ? '' : 's'}`;
}

function parentName({ kind = 'Gateway', namespace, name, sectionName, port }: Value): string {
  const section = sectionName ?? port;
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}${section === undefined ? '' : `, ${section}`}`;
}

/** Of an Ingress, which has no conditions. */
function addressesOf({ loadBalancer }: Value): string {
  const { ingress } = (loadBalancer ?? {}) as Value;
  const addresses = list(ingress).map(({ ip, hostname }) => String(ip ?? hostname));
  return addresses.length === 0 ? 'no address' : `at ${addresses.join(', ')}`;
}

function list(value: unknown): readonly Value[] {
  return Array.isArray(value) ? (value as readonly Value[]) : [];
}

function inOrder(statuses: readonly ObjectStatus[]): ObjectStatus[] {
  const keyed = statuses.map((status) => ({ key: formatRef(status.ref), status }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ status }) => status);
}

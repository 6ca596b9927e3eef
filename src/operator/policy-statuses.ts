import { type Diagnostic, type KubeObject, refKey, refOf } from '../api/index.ts';
import { refToKey, type Tables } from '../mesh/inputs.ts';
import type { ObjectStatus } from '../mesh/model/index.ts';
import { policyLimits } from '../status/index.ts';
import type { Collection, DerivedCollection, Store } from '../store/index.ts';

const policyKinds = ['CiliumNetworkPolicy', 'CiliumClusterwideNetworkPolicy'] as const;
type PolicyKind = (typeof policyKinds)[number];
const isPolicy = (kind: string): kind is PolicyKind => (policyKinds as readonly string[]).includes(kind);

const isError = ({ severity }: Diagnostic): boolean => severity === 'error';

/**
 * The condition `Valid` of every policy, by `refKey`: `False` where it was refused, with all that is wrong and what would be right.
 * What is refused is in no table, so it is known by its diagnostics alone.
 * @param unreadable what the source could not read or was in doubt about, by `refKey`
 */
export function derivePolicyStatuses(
  store: Store,
  tables: Pick<Tables, PolicyKind>,
  unreadable: Collection<readonly Diagnostic[]>,
): DerivedCollection<ObjectStatus>[] {
  const accepted = [
    deriveAccepted(store, tables.CiliumNetworkPolicy, unreadable),
    deriveAccepted(store, tables.CiliumClusterwideNetworkPolicy, unreadable),
  ];
  const refused = store.derive<readonly Diagnostic[], ObjectStatus>(unreadable, {
    name: 'operator.refused-policies',
    map: (fetch, found, key) => {
      const ref = found[0]?.object;
      const [first] = found.filter(isError);
      if (ref === undefined || first === undefined || !isPolicy(ref.kind)) return [];
      const tableKey = refToKey(ref);
      const stays =
        ref.kind === 'CiliumNetworkPolicy'
          ? fetch.get(tables.CiliumNetworkPolicy, tableKey)
          : fetch.get(tables.CiliumClusterwideNetworkPolicy, tableKey);
      const outcome = stays !== undefined ? 'its last valid version stays in force' : 'it is not in force';
      return [
        [key, { ref, value: { conditions: [condition('False', first.reason, `${describe(found)}; ${outcome}`)] } }],
      ];
    },
  });
  return [...accepted, refused];
}

function deriveAccepted<P extends KubeObject & Parameters<typeof policyLimits>[0]>(
  store: Store,
  table: Collection<P>,
  unreadable: Collection<readonly Diagnostic[]>,
): DerivedCollection<ObjectStatus> {
  return store.derive<P, ObjectStatus>(table, {
    name: `operator.valid.${table.name}`,
    map: (fetch, policy) => {
      const ref = refOf(policy);
      const key = refKey(ref);
      const found = fetch.get(unreadable, key) ?? [];
      // Then what was refused is spoken of: what is in force is an older version.
      if (found.some(isError)) return [];
      const limits = policyLimits(policy);
      const [first] = limits.filter(isError);
      const message = describe([...found, ...limits]) || 'the policy is valid';
      const said =
        first === undefined
          ? condition('True', 'Accepted', message)
          : condition('False', first.reason, `${message}; the rest of it is in force`);
      return [[key, { ref, value: { conditions: [said] } }]];
    },
  });
}

/** A condition's message is cut by nobody, but 24 problems are more than anyone reads in one. */
const MOST = 5;

function describe(found: readonly Diagnostic[]): string {
  const sorted = [...found.filter(isError), ...found.filter((each) => !isError(each))];
  const said = sorted
    .slice(0, MOST)
    .map(({ message, hint }) => (hint === undefined ? message : `${message} (${hint})`));
  return [...said, ...(sorted.length > MOST ? [`and ${sorted.length - MOST} more`] : [])].join('; ');
}

const condition = (status: 'True' | 'False', reason: string, message: string) => ({
  type: 'Valid',
  status,
  reason,
  message,
});

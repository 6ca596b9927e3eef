import { type KubeClient, KubeFault, type Resource } from '../../kube/index.ts';

/** The version to ask for, by kind; a kind that is not there is not served, or in no version that we read. */
export type Served = ReadonlyMap<string, string>;

/**
 * Which of these resources, all of one group, the server has, and in which version: of those that both sides know, the one
 * that we prefer.
 * @throws KubeFault; a group that is not there is no fault
 */
export async function discoverGroup(
  client: KubeClient,
  resources: readonly Resource[],
  signal: AbortSignal,
): Promise<Served> {
  const [first] = resources;
  if (first === undefined) return new Map();
  const root = `/apis/${first.group}`;
  const group = await orAbsent(client.request<ApiGroup>({ method: 'GET', path: root, signal }));
  const known = new Set(resources.flatMap(({ versions }) => versions));
  const versions = (group?.versions ?? []).map(({ version }) => version).filter((version) => known.has(version));
  const kinds = new Map<string, ReadonlySet<string>>();
  await Promise.all(
    versions.map(async (version) => {
      const list = await orAbsent(
        client.request<ApiResourceList>({ method: 'GET', path: `${root}/${version}`, signal }),
      );
      kinds.set(version, new Set((list?.resources ?? []).map(({ name }) => name)));
    }),
  );
  const served = new Map<string, string>();
  for (const { kind, plural, versions: preferred } of resources) {
    const version = preferred.find((candidate) => kinds.get(candidate)?.has(plural));
    if (version !== undefined) served.set(kind, version);
  }
  return served;
}

interface ApiGroup {
  readonly versions?: readonly { readonly version: string }[];
}

interface ApiResourceList {
  readonly resources?: readonly { readonly name: string }[];
}

async function orAbsent<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof KubeFault && error.code === 'KUBE_NOT_FOUND') return undefined;
    throw error;
  }
}

/**
 * Whether the server knows lists as streams of events, which take less memory: of 15,000 objects 55 MB above what the process
 * has at its start, where pages of 500 take 95, in as much time. The parameters have been checked since 1.27, and it is on by default
 * since 1.32 or later. An older server would start a watch that never says where the list ends.
 */
export async function streamsLists(client: KubeClient, signal: AbortSignal): Promise<boolean> {
  const version = await client.request<{ major?: string; minor?: string }>({ method: 'GET', path: '/version', signal });
  const minor = Number.parseInt(version.minor ?? '', 10);
  return version.major === '1' && minor >= 32;
}

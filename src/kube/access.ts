import { existsSync, readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { homedir } from 'node:os';
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import {
  type Cluster,
  newClusters,
  newContexts,
  newUsers,
  type User,
} from '@kubernetes/client-node/dist/config_types.js';
import { load } from 'js-yaml';
import { KubeFault } from './kube-fault.ts';

/** Which API server, and as whom. */
export interface Access {
  readonly cluster: Cluster;
  readonly user: User;
  /** The namespace that the context names, or the Pod's own. */
  readonly namespace?: string;
}

export interface AccessOptions {
  /** Path of a kubeconfig file. Else `$KUBECONFIG`, the Pod's service account, `~/.kube/config`: the first that is there. */
  readonly kubeconfig?: string;
  /** A context of the kubeconfig, other than its current one. */
  readonly context?: string;
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * Only the small modules of `@kubernetes/client-node` are imported, here and in `credentials.ts`: its index, and
 * `config.js` too, loads the generated API (0.6 s and 80 MB resident), which an agent on every node cannot afford.
 * @throws KubeFault KUBE_CONFIG
 */
export function loadAccess(options: AccessOptions, environment: NodeJS.ProcessEnv = process.env): Access {
  const named = options.kubeconfig === undefined ? environment.KUBECONFIG?.split(delimiter) : [options.kubeconfig];
  const files = named?.filter((file) => file !== '') ?? [];
  if (files.length > 0) return fromFiles(files, options);
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = environment;
  if (host !== undefined && existsSync(join(SERVICE_ACCOUNT, 'token'))) return inCluster(host, port, SERVICE_ACCOUNT);
  return fromFiles([join(environment.HOME ?? homedir(), '.kube/config')], options);
}

/** @param folder where the service account is mounted */
export function inCluster(host: string, port: string, folder: string): Access {
  const namespace = join(folder, 'namespace');
  return {
    cluster: {
      name: 'in-cluster',
      server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
      caFile: join(folder, 'ca.crt'),
      skipTLSVerify: false,
    },
    user: { name: 'in-cluster', authProvider: { name: 'tokenFile', config: { tokenFile: join(folder, 'token') } } },
    ...(existsSync(namespace) ? { namespace: readFileSync(namespace, 'utf8').trim() } : {}),
  };
}

interface Parts {
  readonly clusters: readonly Cluster[];
  readonly users: readonly User[];
  readonly contexts: ReturnType<typeof newContexts>;
  readonly current?: string;
}

/** Several files are merged as kubectl does: whichever has an entry first wins, files that do not exist are passed over. */
function fromFiles(files: readonly string[], options: AccessOptions): Access {
  const parts = files.filter((file) => files.length === 1 || existsSync(file)).map(readParts);
  const where = files.join(', ');
  const wanted = options.context ?? parts.find(({ current }) => current !== undefined)?.current;
  if (wanted === undefined)
    throw bad(`${where}: no current-context`, 'name one with --context, or set one in the file');
  const find = <T extends { readonly name: string }>(
    what: string,
    name: string,
    of: (part: Parts) => readonly T[],
  ): T => {
    const all = parts.flatMap(of);
    const found = all.find((each) => each.name === name);
    const names = all.map((each) => each.name).join(', ');
    if (found === undefined) throw bad(`${where}: no ${what} ${name}`, `it has ${names === '' ? 'none' : names}`);
    return found;
  };
  const context = find('context', wanted, ({ contexts }) => contexts);
  return {
    cluster: find('cluster', context.cluster, ({ clusters }) => clusters),
    user: context.user ? find('user', context.user, ({ users }) => users) : { name: '' },
    ...(context.namespace === undefined ? {} : { namespace: context.namespace }),
  };
}

function readParts(file: string): Parts {
  let config: Record<string, unknown>;
  try {
    const value = load(readFileSync(file, 'utf8'));
    if (typeof value !== 'object' || value === null) throw new Error('is empty');
    config = value as Record<string, unknown>;
    const root = dirname(resolve(file));
    const absolute = (path: string | undefined) => (path ? (isAbsolute(path) ? path : join(root, path)) : undefined);
    const tokenFiles = tokenFilesOf(config.users);
    // The library reads a token file once, but those of projected service accounts are renewed every hour.
    const users = newUsers(withoutTokenFiles(config.users)).map((user): User => {
      const tokenFile = absolute(tokenFiles.get(user.name));
      const { certFile, keyFile, exec, ...rest } = user;
      return {
        ...rest,
        ...given('certFile', absolute(certFile)),
        ...given('keyFile', absolute(keyFile)),
        ...given('exec', withAbsoluteCommand(exec, root)),
        ...(tokenFile === undefined ? {} : { authProvider: { name: 'tokenFile', config: { tokenFile } } }),
      };
    });
    const clusters = newClusters(config.clusters).map(
      ({ caFile, ...rest }): Cluster => ({ ...rest, ...given('caFile', absolute(caFile)) }),
    );
    const current = config['current-context'];
    return {
      users,
      clusters,
      contexts: newContexts(config.contexts),
      ...(typeof current === 'string' && current !== '' ? { current } : {}),
    };
  } catch (cause) {
    const hint = 'name a kubeconfig with --kubeconfig or $KUBECONFIG';
    throw new KubeFault('KUBE_CONFIG', `${file}: ${(cause as Error).message}`, { cause, hint });
  }
}

const bad = (message: string, hint: string) => new KubeFault('KUBE_CONFIG', message, { hint });

function given<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return (value === undefined || value === null ? {} : { [key]: value }) as { readonly [P in K]?: V };
}

interface RawUser {
  readonly name?: string;
  readonly user?: Record<string, unknown>;
}

const rawUsers = (users: unknown): readonly RawUser[] => (Array.isArray(users) ? users : []);

function tokenFilesOf(users: unknown): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const each of rawUsers(users)) {
    const file = each?.user?.tokenFile ?? each?.user?.['token-file'];
    if (each?.name !== undefined && typeof file === 'string') files.set(each.name, file);
  }
  return files;
}

function withoutTokenFiles(users: unknown): unknown {
  return rawUsers(users).map((each) =>
    each?.user?.['token-file'] === undefined ? each : { ...each, user: { ...each.user, 'token-file': undefined } },
  );
}

/** kubectl's rule: a command with a slash is relative to the kubeconfig, one without is looked for on PATH. */
function withAbsoluteCommand(exec: { command?: string } | null | undefined, root: string): unknown {
  const command = exec?.command;
  if (command === undefined || !command.includes('/') || isAbsolute(command)) return exec ?? undefined;
  return { ...exec, command: join(root, command) };
}

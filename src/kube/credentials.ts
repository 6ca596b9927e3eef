import { readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import type { User } from '@kubernetes/client-node/dist/config_types.js';
import { ExecAuth } from '@kubernetes/client-node/dist/exec_auth.js';
import { FileAuth } from '@kubernetes/client-node/dist/file_auth.js';
import type { Access } from './access.ts';
import { KubeFault } from './kube-fault.ts';

/** Who we are to the API server: what goes into each request, and into each connection. */
export class Credentials {
  readonly #access: Access;
  readonly #user: User;
  #provider: ((options: RequestOptions) => Promise<void>) | undefined;
  /** One run of a plugin at a time, for all requests that wait for it. */
  #pending: Promise<RequestOptions> | undefined;

  constructor(access: Access) {
    this.#access = access;
    this.#user = withExecInfo(access);
    this.#provider = this.#newProvider();
  }

  /** @throws KubeFault KUBE_CREDENTIALS */
  async headers(): Promise<Record<string, string>> {
    const { token, username, password, impersonateUser } = this.#user;
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries((await this.#provided()).headers ?? {}))
      headers[name.toLowerCase()] = String(value).trim();
    if (token) headers.authorization = `Bearer ${token.trim()}`;
    else if (username)
      headers.authorization = `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`;
    if (impersonateUser) headers['impersonate-user'] = impersonateUser;
    return headers;
  }

  /** Read anew for each connection: certificates are renewed on disk. @throws KubeFault KUBE_CREDENTIALS */
  async tls(): Promise<ConnectionOptions> {
    const { cluster } = this.#access;
    const { certFile, certData, keyFile, keyData } = this.#user;
    const provided = await this.#provided();
    const ca = fileOrData(cluster.caFile, cluster.caData);
    const cert = fileOrData(certFile, certData) ?? provided.cert;
    const key = fileOrData(keyFile, keyData) ?? provided.key;
    return {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert: cert as Buffer }),
      ...(key === undefined ? {} : { key: key as Buffer }),
      ...(cluster.tlsServerName ? { servername: cluster.tlsServerName } : {}),
      ...(cluster.skipTLSVerify ? { rejectUnauthorized: false } : {}),
    };
  }

  /** The server does not take them: what was cached is forgotten. Says whether anything may be different next time. */
  renew(): boolean {
    const { certFile, exec, authProvider } = this.#user;
    this.#provider = this.#newProvider();
    return Boolean(certFile || exec || authProvider);
  }

  #provided(): Promise<RequestOptions> {
    const provider = this.#provider;
    if (provider === undefined) return Promise.resolve({});
    this.#pending ??= (async () => {
      const options: RequestOptions = { headers: {} };
      try {
        await provider(options);
        return options;
      } catch (cause) {
        throw unavailable(this.#user, cause);
      } finally {
        this.#pending = undefined;
      }
    })();
    return this.#pending;
  }

  #newProvider(): ((options: RequestOptions) => Promise<void>) | undefined {
    const user = this.#user;
    for (const provider of [new FileAuth(), new ExecAuth()])
      if (provider.isAuthProvider(user)) return (options) => provider.applyAuthentication(user, options);
    return user.authProvider ? legacyProvider(this.#access) : undefined;
  }
}

/** `auth-provider` of old kubeconfigs: `oidc`, `gcp`, `azure`. Rare, so the heavy module is loaded only for these. */
function legacyProvider({ cluster, user }: Access): (options: RequestOptions) => Promise<void> {
  let config: Promise<{ applyToHTTPSOptions(options: RequestOptions): Promise<void> }> | undefined;
  return async (options) => {
    config ??= import('@kubernetes/client-node/dist/config.js').then(({ KubeConfig }) => {
      const loaded = new KubeConfig();
      loaded.loadFromClusterAndUser(cluster, user);
      return loaded;
    });
    await (await config).applyToHTTPSOptions(options);
  };
}

/** Plugins of GKE and AKS ask for this variable, which `ExecAuth` does not set. */
function withExecInfo({ user, cluster }: Access): User {
  const exec = user.exec as { apiVersion?: string; env?: unknown[]; provideClusterInfo?: boolean } | undefined;
  if (!exec) return user;
  const info = {
    apiVersion: exec.apiVersion ?? 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    spec: {
      interactive: false,
      ...(exec.provideClusterInfo === true
        ? {
            cluster: {
              server: cluster.server,
              'certificate-authority-data': fileOrData(cluster.caFile, cluster.caData)?.toString('base64'),
              'insecure-skip-tls-verify': cluster.skipTLSVerify,
              'tls-server-name': cluster.tlsServerName,
            },
          }
        : {}),
    },
  };
  const variable = { name: 'KUBERNETES_EXEC_INFO', value: JSON.stringify(info) };
  return { ...user, exec: { ...exec, env: [...(exec.env ?? []), variable] } };
}

function fileOrData(file: string | undefined, data: string | undefined): Buffer | undefined {
  if (!file) return data ? Buffer.from(data, 'base64') : undefined;
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new KubeFault('KUBE_CREDENTIALS', `read ${file}: ${(cause as Error).message}`, { cause });
  }
}

function unavailable(user: User, cause: unknown): KubeFault {
  const command = (user.exec as { command?: string } | undefined)?.command;
  const what = command === undefined ? `credentials of user ${user.name}` : `credential plugin ${command}`;
  const hint = command === undefined ? 'check the user in the kubeconfig' : `run ${command} by hand, and log in`;
  return new KubeFault('KUBE_CREDENTIALS', `${what}: ${(cause as Error).message.trim()}`, { cause, hint });
}

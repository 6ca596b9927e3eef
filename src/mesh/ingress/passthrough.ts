import type { Diagnostic } from '../../api/index.ts';
import type { Fetch } from '../../store/index.ts';
import type { Tables } from '../inputs.ts';
import type { Backend } from '../model/index.ts';
import { type ResolvedBackend, resolveBackend } from './backend.ts';
import type { Placed } from './placement.ts';

export interface PassthroughBackends {
  readonly hosts: readonly { readonly host: string; readonly backend: Backend | undefined }[];
  readonly problems: readonly Diagnostic[];
}

/**
 * Where an Ingress with `tls-passthrough` sends the TLS connections of its hosts. Only the host can be seen (SNI), so a
 * rule needs one, its path can only be `/`, and a default backend has no meaning (as in Cilium).
 */
export function passthroughBackends(fetch: Fetch, tables: Tables, { ingress }: Placed): PassthroughBackends {
  const hosts = new Map<string, Backend | undefined>();
  const problems: Diagnostic[] = [];
  const ignore = (message: string, hint: string, field: string) =>
    problems.push({ severity: 'warning', reason: 'IgnoredByPassthrough', message, hint, field });

  for (const [r, { host, paths }] of ingress.spec.rules.entries()) {
    if (host === undefined) {
      ignore(
        'with tls-passthrough a rule without a host is ignored',
        'set the host that clients name',
        `spec.rules[${r}]`,
      );
      continue;
    }
    for (const [p, path] of paths.entries()) {
      const field = `spec.rules[${r}].http.paths[${p}]`;
      if (path.path !== '/' || path.pathType === 'Exact')
        ignore(
          'with tls-passthrough a path other than / is ignored',
          'write pathType Prefix and path /',
          `${field}.path`,
        );
      else if (hosts.has(host))
        ignore(`with tls-passthrough ${host} has one backend only, its first`, 'remove this path', field);
      else {
        const found: ResolvedBackend = resolveBackend(
          fetch,
          tables,
          ingress.metadata.namespace ?? '',
          path.backend,
          `${field}.backend`,
          'tcp',
        );
        hosts.set(host, found.backend);
        if (found.problem !== undefined) problems.push(found.problem);
      }
    }
  }
  if (ingress.spec.defaultBackend !== undefined)
    ignore('with tls-passthrough the default backend is ignored', 'remove it', 'spec.defaultBackend');
  return { hosts: [...hosts].map(([host, backend]) => ({ host, backend })), problems };
}

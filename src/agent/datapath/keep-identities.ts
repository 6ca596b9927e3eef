import type { Log } from '../../lib/log.ts';
import type { Tables } from '../../mesh/inputs.ts';
import { ciliumIdentityManifest } from '../../network/endpoint/index.ts';
import { labelsOfMap } from '../../network/identity/index.ts';
import type { ClusterObjects } from './cluster-objects.ts';
import type { EndpointManager } from './endpoint-manager.ts';

/** An identity that is collected while one of our endpoints has it is created again. */
export function keepIdentities(
  tables: Tables,
  manager: EndpointManager,
  objects: ClusterObjects,
  log: Log,
): { close(): void } {
  const close = tables.CiliumIdentity.observe((changes) => {
    for (const { old, new: now } of changes) {
      if (now !== undefined || old === undefined) continue;
      const isUsed = [...manager.values()].some(({ endpoint }) => endpoint.identity === old.id);
      if (!isUsed) continue;
      objects
        .createOnce(ciliumIdentityManifest({ id: old.id, labels: labelsOfMap(old.securityLabels) }))
        .catch((error: Error) => log.warn({ err: error, identity: old.id }, 'an identity in use is gone'));
    }
  });
  return { close: () => close() };
}

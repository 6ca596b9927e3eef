import { CniError, cniCode } from './cni-error.ts';
import type { PodReference } from './request.ts';

/** A DNS subdomain (RFC 1123), as names of Kubernetes' objects are. */
const dnsName = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;
const uidPattern = /^[a-zA-Z0-9-]{1,64}$/;

/**
 * Of `CNI_ARGS`: `K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_UID=...`. What else stands there is another's. Undefined
 * where it names no pod.
 * @throws CniError `badEnvironment`
 */
export function parsePodReference(args: string): PodReference | undefined {
  const pairs = new Map<string, string>();
  for (const pair of args.split(';')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    if (equals <= 0)
      throw new CniError(cniCode.badEnvironment, `CNI_ARGS has ${JSON.stringify(pair)}, which is no KEY=VALUE`);
    pairs.set(pair.slice(0, equals), pair.slice(equals + 1));
  }
  const namespace = pairs.get('K8S_POD_NAMESPACE') ?? '';
  const name = pairs.get('K8S_POD_NAME') ?? '';
  const uid = pairs.get('K8S_POD_UID') ?? '';
  if (namespace === '' && name === '') return undefined;
  if (!dnsName.test(namespace) || !dnsName.test(name) || (uid !== '' && !uidPattern.test(uid))) {
    const given = JSON.stringify({ namespace, name, uid });
    throw new CniError(cniCode.badEnvironment, `CNI_ARGS names no pod that can exist: ${given}`);
  }
  return { namespace, name, ...(uid === '' ? {} : { uid }) };
}

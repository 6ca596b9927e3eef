import type { Endpoint, Identity } from '../agent/rest/models/endpoint.ts';
import type { IPListEntry } from '../agent/rest/models/state.ts';
import { Fault } from '../lib/fault.ts';
import { contains, parseCidr, parseIp } from '../lib/ip-address.ts';
import { askRest, type RestTarget } from './rest-client.ts';

export const sideForms =
  "an endpoint's id (17), a pod (shop/web-1), an address (10.0.0.1), an identity (identity:300), labels " +
  '(k8s:app=web,k8s:io.kubernetes.pod.namespace=shop), or an entity (world, host)';

const entities = ['host', 'world', 'unmanaged', 'health', 'init', 'remote-node', 'kube-apiserver', 'ingress'];

/**
 * The labels of who is named on a command line, asked from the agent where only it knows.
 * @throws Fault NO_SUCH_SIDE with what would be right
 */
export async function labelsOfSide(target: RestTarget, text: string): Promise<readonly string[]> {
  if (entities.includes(text)) return [`reserved:${text}`];
  if (/^\d{1,5}$/.test(text)) return ofEndpoint(target, text, text);
  const identity = /^identity:(\d{1,10})$/.exec(text)?.[1];
  if (identity !== undefined) return ofIdentity(target, Number(identity), text);
  if (parseIp(text) !== undefined) return ofAddress(target, text);
  const pod = /^([a-z0-9][a-z0-9.-]*)\/([a-z0-9][a-z0-9.-]*)$/.exec(text);
  if (pod !== null) return ofPod(target, pod[1] as string, pod[2] as string);
  const labels = text.split(',').map((label) => label.trim());
  if (labels.every((label) => /^[\w./-]+(?::[\w./-]+(?:=.*)?|=.*)$/.test(label)))
    return labels.map((label) => (/^[^=]*:/.test(label) ? label : `k8s:${label}`));
  throw unknown(text, `names nobody; what can: ${sideForms}`);
}

async function ofEndpoint(target: RestTarget, id: string, text: string): Promise<readonly string[]> {
  const endpoint = await askRest<Endpoint>(target, `/endpoint/${encodeURIComponent(id)}`);
  if (endpoint === undefined) throw unknown(text, 'is no endpoint of this node');
  const labels = endpoint.status.identity?.labels ?? endpoint.status.labels['security-relevant'];
  if (labels.length === 0) throw unknown(text, `has no labels yet: it is ${endpoint.status.state}`);
  return labels;
}

async function ofIdentity(target: RestTarget, id: number, text: string): Promise<readonly string[]> {
  const identity = await askRest<Identity>(target, `/identity/${id}`);
  if (identity === undefined) throw unknown(text, 'is no identity that this node knows');
  return identity.labels;
}

/** Of this node by its endpoint; of another by its address in the ipcache. */
async function ofPod(target: RestTarget, namespace: string, name: string): Promise<readonly string[]> {
  const text = `${namespace}/${name}`;
  const path = `/endpoint/${encodeURIComponent(`pod-name:${namespace}:${name}`)}`;
  if ((await askRest<Endpoint>(target, path)) !== undefined)
    return ofEndpoint(target, `pod-name:${namespace}:${name}`, text);
  const entries = (await askRest<IPListEntry[]>(target, '/ip')) ?? [];
  const entry = entries.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name);
  if (entry === undefined) throw unknown(text, 'is no pod that this node knows');
  return ofIdentity(target, entry.identity, text);
}

/** By the longest prefix, as the programs look it up; what no entry matches is the world. */
async function ofAddress(target: RestTarget, text: string): Promise<readonly string[]> {
  const address = parseIp(text);
  const entries = (await askRest<IPListEntry[]>(target, '/ip')) ?? [];
  let best: { readonly length: number; readonly identity: number } | undefined;
  for (const { cidr, identity } of entries) {
    const range = parseCidr(cidr);
    const length = Number(cidr.slice(cidr.indexOf('/') + 1));
    if (address === undefined || range === undefined || !contains(range, address)) continue;
    if (best === undefined || length > best.length) best = { length, identity };
  }
  return best === undefined ? ['reserved:world'] : ofIdentity(target, best.identity, text);
}

function unknown(text: string, what: string): Fault {
  return new Fault('NO_SUCH_SIDE', `${text} ${what}`, {
    hint: '`sluice endpoint list` and `sluice ip list` show who there is',
  });
}

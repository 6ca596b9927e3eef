import { contains, parseIp, parseRange } from '../lib/ip-address.ts';
import type { Party } from './flow.ts';

/** Selects one side of flows. */
export type PartyFilter = (party: Party) => boolean;

export const partyForms =
  "an endpoint's id (17), a pod (shop/web-1, shop/ for all of a namespace), an address or network (10.0.0.1, 10.0.0.0/8), " +
  'an identity (identity:300) or a label (k8s:app=web)';

/** From what a person writes; undefined where it is none of the forms ({@link partyForms}). */
export function parsePartyFilter(text: string): PartyFilter | undefined {
  if (/^\d{1,5}$/.test(text)) {
    const id = Number(text);
    return (party) => party.endpoint === id;
  }
  const identity = /^identity:(\d{1,10})$/.exec(text)?.[1];
  if (identity !== undefined) return (party) => party.identity === Number(identity);
  const range = parseRange(text);
  if (range !== undefined) {
    return ({ address }) => {
      const ip = parseIp(address);
      return ip !== undefined && contains(range, ip);
    };
  }
  const pod = /^([a-z0-9][a-z0-9.-]*)\/([a-z0-9.-]*)$/.exec(text);
  if (pod !== null) {
    const [, namespace, name = ''] = pod;
    return ({ pod: of }) => of?.namespace === namespace && (name === '' || of?.name === name);
  }
  if (/^[\w.-]+:[\w./-]+(?:=.*)?$/.test(text) || /^[\w./-]+=.*$/.test(text)) return labelFilter(text);
  return undefined;
}

/** `k8s:app=web`, any source with `app=web`, any value with `k8s:app`. */
function labelFilter(text: string): PartyFilter {
  const hasSource = /^[\w.-]+:/.test(text) && !/^[^:]*=/.test(text);
  const hasValue = text.includes('=');
  return ({ labels }) =>
    labels.some((label) => {
      const own = hasSource ? label : label.slice(label.indexOf(':') + 1);
      return own === text || (!hasValue && own.startsWith(`${text}=`));
    });
}

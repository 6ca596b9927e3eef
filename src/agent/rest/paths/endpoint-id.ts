import { BadRequest } from '../router.ts';
import type { DatapathView } from '../view/datapath-view.ts';
import type { EndpointView } from '../view/endpoint-view.ts';

/**
 * The endpoint that a path's `[prefix:]id` names. A number alone is one of this node.
 * @throws BadRequest 400 where the id says nothing, 404 where there is none
 */
export function findEndpoint(view: DatapathView, text: string): EndpointView {
  const found = look(view, text);
  if (found === undefined) throw new BadRequest(`there is no endpoint ${text}`, 404);
  return found;
}

function look(view: DatapathView, text: string): EndpointView | undefined {
  const colon = text.indexOf(':');
  const prefix = colon < 0 ? 'cilium-local' : text.slice(0, colon);
  const rest = text.slice(colon + 1);
  const first = (wanted: (endpoint: EndpointView) => boolean) => [...view.endpoints()].find(wanted);
  switch (prefix) {
    case 'cilium-local':
      return view.endpoint(numberOf(rest));
    case 'cilium-global': {
      const [cluster, node, id] = rest.split(':');
      const number = numberOf(id ?? '');
      return cluster === view.cluster && node === view.node ? view.endpoint(number) : undefined;
    }
    case 'container-id':
      return first(({ containerId }) => containerId === rest);
    case 'container-name':
      return first(({ containerName }) => containerName === rest);
    case 'docker-endpoint':
      return first(({ dockerEndpointId }) => dockerEndpointId === rest);
    case 'pod-name': {
      const [namespace, name] = rest.split(/[:/]/);
      return first(({ pod }) => pod?.namespace === namespace && pod?.name === name);
    }
    case 'ipv4':
      return first(({ ipv4 }) => ipv4 === rest);
    case 'ipv6':
      return first(({ ipv6 }) => ipv6 === rest);
    default:
      throw new BadRequest(
        `${prefix} is no prefix of an endpoint's id; try pod-name:NAMESPACE:NAME, or a number alone`,
      );
  }
}

function numberOf(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535)
    throw new BadRequest(`${JSON.stringify(text)} is no endpoint's id: a number up to 65535 is`);
  return Number(text);
}

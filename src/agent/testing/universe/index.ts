/**
 * For tests only: a small world of objects of every kind that translation reads, in which most things refer to each other,
 * many of them wrong: what is referred to is often missing, what is written is sometimes nonsense.
 */
import fc from 'fast-check';
import { type AnyObject, parseObject } from '../../../api/index.ts';
import { configMaps, loadBalancers, namespaces, nodes, pods, secrets, services, slices } from './core.ts';
import { envoyConfigs } from './envoy-config.ts';
import {
  gatewayClasses,
  gateways,
  grants,
  grpcRoutes,
  httpRoutes,
  listenerSets,
  streamRoutes,
  tlsPolicies,
} from './gateway.ts';
import { ingressClasses, ingresses } from './ingress.ts';

/** Objects of all kinds; what the parsers refuse comes to nothing, as from any source. */
export const anyObject: fc.Arbitrary<AnyObject | undefined> = fc
  .oneof(
    { weight: 4, arbitrary: services },
    { weight: 3, arbitrary: slices },
    { weight: 2, arbitrary: loadBalancers },
    { weight: 1, arbitrary: nodes },
    { weight: 2, arbitrary: pods },
    { weight: 1, arbitrary: namespaces },
    { weight: 4, arbitrary: secrets },
    { weight: 2, arbitrary: configMaps },
    { weight: 1, arbitrary: ingressClasses },
    { weight: 4, arbitrary: ingresses },
    { weight: 1, arbitrary: gatewayClasses },
    { weight: 4, arbitrary: gateways },
    { weight: 2, arbitrary: listenerSets },
    { weight: 6, arbitrary: httpRoutes },
    { weight: 2, arbitrary: grpcRoutes },
    { weight: 4, arbitrary: streamRoutes },
    { weight: 2, arbitrary: grants },
    { weight: 2, arbitrary: tlsPolicies },
    { weight: 4, arbitrary: envoyConfigs },
  )
  .map((raw) => parseObject(raw).object);

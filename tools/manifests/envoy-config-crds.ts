import type { CrdSource } from './crd.ts';
import { dnsLabel, labelSelector, list, type Schema, text } from './schema.ts';

const spec = (namespaceOfServices: string): Schema => ({
  type: 'object',
  description: 'Which traffic is taken over, and what Envoy does with it.',
  properties: {
    services: list('Services whose traffic goes to a listener of this object.', {
      type: 'object',
      properties: {
        name: dnsLabel('Name of the Service.'),
        namespace: dnsLabel(namespaceOfServices),
        listener: text('Name of the listener among resources; the first one where it is absent.'),
        ports: list('Ports of the Service that are taken over; all of them where there are none.', {
          type: 'integer',
          minimum: 1,
          maximum: 65535,
        }),
      },
      required: ['name'],
    }),
    backendServices: list(
      'Services whose endpoints are kept in step with a cluster of the name namespace/name, or namespace/name:port.',
      {
        type: 'object',
        properties: {
          name: dnsLabel('Name of the Service.'),
          namespace: dnsLabel(
            "Its namespace: where it is absent, the object's own, or default for a clusterwide object.",
          ),
          number: list('Ports, by number or name, each as a string; all of them under one name where there are none.', {
            type: 'string',
            minLength: 1,
          }),
        },
        required: ['name'],
      },
    ),
    resources: list(
      'Envoy v3 resources: Listener, RouteConfiguration, Cluster, ClusterLoadAssignment, Secret. Each is checked against Envoy’s own protos; one that is wrong is left out and reported, the others stay.',
      {
        type: 'object',
        properties: {
          '@type': text('The message: type.googleapis.com/envoy.config.listener.v3.Listener, for instance.'),
        },
        required: ['@type'],
        'x-kubernetes-preserve-unknown-fields': true,
      },
    ),
    nodeSelector: labelSelector('Nodes that this is for; all of them where it is absent.'),
  },
});

export const envoyConfigCrd: CrdSource = {
  kind: 'CiliumEnvoyConfig',
  plural: 'ciliumenvoyconfigs',
  shortNames: ['cec'],
  namespaced: true,
  versions: ['v2'],
  description: "Envoy's own configuration for the traffic of Services of one namespace.",
  spec: spec("Only the object's own namespace has an effect: no one may take over the traffic of another."),
  columns: [],
};

export const clusterwideEnvoyConfigCrd: CrdSource = {
  kind: 'CiliumClusterwideEnvoyConfig',
  plural: 'ciliumclusterwideenvoyconfigs',
  shortNames: ['ccec'],
  namespaced: false,
  versions: ['v2'],
  description: "Envoy's own configuration for the traffic of Services of any namespace.",
  spec: spec('Namespace of the Service; default where it is absent.'),
  columns: [],
};

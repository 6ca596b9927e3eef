/** Objects as plain data: `yaml-folder.ts` writes them as files, `object-plane-main.ts` gives them to the store. */
export interface ServiceSpec {
  readonly name: string;
  /** Of 127.0.0.1, or `address:port`. */
  readonly endpoints: readonly (number | string)[];
}

export interface RouteSpec {
  readonly name: string;
  readonly host: string;
  readonly rules: readonly RuleSpec[];
}

export interface RuleSpec {
  /** `/` by default. */
  readonly path?: string;
  readonly service: string;
  /** Set on the answer. */
  readonly responseHeader?: { readonly name: string; readonly value: string };
}

export const gatewayName = 'bench';
export const routeHost = (i: number) => `r${i}.bench.example`;
export const serviceName = (i: number) => `s${i}`;

/** Route `i` has a host of its own and goes to one of the Services. */
export function simpleRoute(i: number, services: number): RouteSpec {
  return { name: `r${i}`, host: routeHost(i), rules: [{ service: serviceName(i % services) }] };
}

export function simpleServices(count: number, port: number): ServiceSpec[] {
  return Array.from({ length: count }, (_, i) => ({ name: serviceName(i), endpoints: [port] }));
}

export function gatewayYaml(port: number): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata:
  name: cilium
spec:
  controllerName: io.cilium/gateway-controller
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: ${gatewayName}
spec:
  gatewayClassName: cilium
  listeners:
    - name: http
      protocol: HTTP
      port: ${port}
`;
}

export function serviceYaml({ name, endpoints }: ServiceSpec): string {
  const parsed = endpoints.map((endpoint) => splitEndpoint(endpoint));
  return `apiVersion: v1
kind: Service
metadata:
  name: ${name}
spec:
  ports:
    - name: http
      port: 80
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: ${name}-1
  labels:
    kubernetes.io/service-name: ${name}
addressType: IPv4
ports:
  - name: http
    port: ${parsed[0]?.port ?? 80}
endpoints:
${parsed.map(({ address }) => `  - addresses: [${address}]\n    conditions:\n      ready: true\n`).join('')}`;
}

export function routeYaml({ name, host, rules }: RouteSpec): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: ${name}
spec:
  parentRefs:
    - name: ${gatewayName}
  hostnames:
    - ${host}
  rules:
${rules.map(ruleYaml).join('')}`;
}

function ruleYaml({ path = '/', service, responseHeader }: RuleSpec): string {
  const filters =
    responseHeader === undefined
      ? ''
      : `      filters:
        - type: ResponseHeaderModifier
          responseHeaderModifier:
            set:
              - name: ${responseHeader.name}
                value: "${responseHeader.value}"
`;
  return `    - matches:
        - path:
            type: PathPrefix
            value: ${path}
${filters}      backendRefs:
        - name: ${service}
          port: 80
`;
}

/** The same objects as a parser takes them. */
export function serviceObjects({ name, endpoints }: ServiceSpec): object[] {
  const parsed = endpoints.map((endpoint) => splitEndpoint(endpoint));
  return [
    { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { ports: [{ name: 'http', port: 80 }] } },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: parsed[0]?.port ?? 80 }],
      endpoints: parsed.map(({ address }) => ({ addresses: [address], conditions: { ready: true } })),
    },
  ];
}

export function routeObject({ name, host, rules }: RouteSpec): object {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name },
    spec: {
      parentRefs: [{ name: gatewayName }],
      hostnames: [host],
      rules: rules.map(({ path = '/', service }) => ({
        matches: [{ path: { type: 'PathPrefix', value: path } }],
        backendRefs: [{ name: service, port: 80 }],
      })),
    },
  };
}

export function gatewayObjects(port: number): object[] {
  return [
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'GatewayClass',
      metadata: { name: 'cilium' },
      spec: { controllerName: 'io.cilium/gateway-controller' },
    },
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: { name: gatewayName },
      spec: { gatewayClassName: 'cilium', listeners: [{ name: 'http', protocol: 'HTTP', port }] },
    },
  ];
}

function splitEndpoint(endpoint: number | string): { address: string; port: number } {
  if (typeof endpoint === 'number') return { address: '127.0.0.1', port: endpoint };
  const [address = '', port] = endpoint.split(':');
  return { address, port: Number(port) };
}

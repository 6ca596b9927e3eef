/** Objects that end-to-end tests write into folders, as YAML. */

/** A Service and an EndpointSlice for it: port 80, named `web`, at these local ports. */
export function service(name: string, ports: readonly number[], options: { protocol?: string } = {}): string {
  const protocol = options.protocol === undefined ? '' : `, appProtocol: ${options.protocol}`;
  return `
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {ports: [{name: web, port: 80${protocol}}]}
${ports.map((port, i) => endpoints(name, port, `${name}-${i}`)).join('')}`;
}

/** An EndpointSlice of one local port. */
export function endpoints(of: string, port: number, name: string): string {
  return `---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}, labels: {kubernetes.io/service-name: ${of}}}
addressType: IPv4
ports: [{name: web, port: ${port}}]
endpoints: [{addresses: [127.0.0.1]}]
`;
}

/** An Ingress of one host and the path `/`. `extra`: more lines of its spec; `metadata`: more fields, in flow style. */
export function ingress(
  name: string,
  host: string,
  backend: string,
  options: { extra?: string; metadata?: string; path?: string; pathType?: string } = {},
): string {
  const { extra = '', metadata = '', path = '/', pathType = 'Prefix' } = options;
  return `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: ${name}${metadata === '' ? '' : `, ${metadata}`}}
spec:
  ingressClassName: cilium
${extra}
  rules:
  - host: ${host}
    http:
      paths:
      - path: ${JSON.stringify(path)}
        pathType: ${pathType}
        backend: {service: {name: ${backend}, port: {number: 80}}}
`;
}

export function tlsSecret(name: string, cert: Buffer | string, key: Buffer | string): string {
  const encode = (text: Buffer | string) => Buffer.from(text).toString('base64');
  return `
apiVersion: v1
kind: Secret
metadata: {name: ${name}}
type: kubernetes.io/tls
data: {tls.crt: ${encode(cert)}, tls.key: ${encode(key)}}
`;
}

/** Documents in one file. */
export const documents = (...all: readonly string[]): string => all.join('\n---\n');

import type { Diagnostic, Ingress } from '../../api/index.ts';
import { refOf } from '../../api/index.ts';
import { closest, show } from '../../api/schema/index.ts';
import type { KeepAlive } from '../model/index.ts';
import { milliseconds, oneOf, seconds, toggle, type ValueForm, wholeNumber } from './annotation-values.ts';

/** What an Ingress' annotations ask for; where they say nothing (or nothing readable), Cilium's defaults. */
export interface Settings {
  /** Undefined: switched off. */
  readonly keepAlive: KeepAlive | undefined;
  /** One of the keep-alive annotations is there: on a shared listener such an Ingress has a say. */
  readonly ownKeepAlive: boolean;
  /** Absent: as the load balancer's default is. */
  readonly loadBalancerMode: 'shared' | 'dedicated' | undefined;
  readonly serviceType: 'LoadBalancer' | 'NodePort';
  readonly insecureNodePort: number | undefined;
  readonly secureNodePort: number | undefined;
  readonly tlsPassthrough: boolean;
  /** Absent: `MeshOptions.enforceHttps` decides. */
  readonly forceHttps: boolean | undefined;
  readonly hostListenerPort: number | undefined;
  /** ms; 0: none. */
  readonly requestTimeout: number | undefined;
  readonly loadBalancerClass: string | undefined;
  readonly externalTrafficPolicy: 'Cluster' | 'Local';
}

const prefix = 'ingress.cilium.io/';
/** Before Cilium 1.14. */
const oldPrefix = 'io.cilium.ingress/';
/** The annotations of Cilium 1.12. */
const firstPrefix = 'io.cilium/';

/** Every annotation name that is read: a setting's current name first. */
const names = {
  'loadbalancer-mode': both('loadbalancer-mode'),
  'loadbalancer-class': both('loadbalancer-class'),
  'service-type': both('service-type'),
  'service-external-traffic-policy': both('service-external-traffic-policy'),
  'insecure-node-port': both('insecure-node-port'),
  'secure-node-port': both('secure-node-port'),
  'tls-passthrough': [...both('tls-passthrough'), ...both('ssl-passthrough')],
  'force-https': both('force-https'),
  'host-listener-port': both('host-listener-port'),
  'request-timeout': both('request-timeout'),
  'tcp-keep-alive': first('tcp-keep-alive'),
  'tcp-keep-alive-idle': first('tcp-keep-alive-idle'),
  'tcp-keep-alive-probe-interval': first('tcp-keep-alive-probe-interval'),
  'tcp-keep-alive-probe-max-failures': first('tcp-keep-alive-probe-max-failures'),
  websocket: first('websocket'),
} as const satisfies Record<string, readonly string[]>;

function both(name: string): string[] {
  return [`${prefix}${name}`, `${oldPrefix}${name}`];
}
function first(name: string): string[] {
  return [`${firstPrefix}${name}`, `${prefix}${name}`, `${oldPrefix}${name}`];
}

const known: ReadonlySet<string> = new Set(Object.values(names).flat());
const currentNames = Object.values(names).map(([current]) => current as string);

/** A load balancer class is a label-like name with an optional DNS prefix (Kubernetes API, `spec.loadBalancerClass`). */
const className: ValueForm<string> = {
  is: 'a name such as example.com/internal',
  parse: (text) =>
    text.length <= 253 && /^(?:[a-z0-9.-]{1,200}\/)?[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(text) ? text : undefined,
};

const port = wholeNumber(1, 65535);
/** The API server refuses others by default, but its range can be configured: so any port is taken. */
const nodePort = port;

/** Reads all annotations of an Ingress that are ours. What cannot be read is reported and counts as not written. */
export function readAnnotations(ingress: Ingress): { settings: Settings; problems: readonly Diagnostic[] } {
  const problems: Diagnostic[] = [];
  const annotations = ingress.metadata.annotations;
  const object = refOf(ingress);

  const read = <T>(setting: keyof typeof names, form: ValueForm<T>): T | undefined => {
    const name = names[setting].find((each) => Object.hasOwn(annotations, each));
    if (name === undefined) return undefined;
    const text = (annotations[name] as string).trim();
    const value = form.parse(text);
    if (value === undefined)
      problems.push({
        severity: 'warning',
        reason: 'InvalidAnnotation',
        message: `annotation ${name} is ${show(text)}; its default is used`,
        hint: `it must be ${form.is}`,
        object,
        field: fieldOf(name),
      });
    return value;
  };

  const keepAlive = read('tcp-keep-alive', toggle);
  const idle = read('tcp-keep-alive-idle', seconds(1, 32_767));
  const interval = read('tcp-keep-alive-probe-interval', seconds(1, 32_767));
  const probes = read('tcp-keep-alive-probe-max-failures', wholeNumber(1, 127));
  // WebSocket upgrades always work; the annotation is only checked, since a slip in it deserves an answer.
  read('websocket', toggle);

  const settings: Settings = {
    keepAlive: keepAlive === false ? undefined : { idle: idle ?? 10, interval: interval ?? 5, probes: probes ?? 10 },
    ownKeepAlive: [keepAlive, idle, interval, probes].some((value) => value !== undefined),
    loadBalancerMode: read('loadbalancer-mode', oneOf('shared', 'dedicated')),
    serviceType: read('service-type', oneOf('LoadBalancer', 'NodePort')) ?? 'LoadBalancer',
    insecureNodePort: read('insecure-node-port', nodePort),
    secureNodePort: read('secure-node-port', nodePort),
    tlsPassthrough: read('tls-passthrough', toggle) ?? false,
    forceHttps: read('force-https', toggle),
    hostListenerPort: read('host-listener-port', port),
    requestTimeout: read('request-timeout', milliseconds),
    loadBalancerClass: read('loadbalancer-class', className),
    externalTrafficPolicy: read('service-external-traffic-policy', oneOf('Cluster', 'Local')) ?? 'Cluster',
  };
  reportUnknown(ingress, problems);
  return { settings, problems };
}

/** More of them tell nobody anything, and 10,000 in one object must stay cheap. */
const maxUnknown = 8;

function reportUnknown(ingress: Ingress, problems: Diagnostic[]): void {
  let reported = 0;
  for (const name in ingress.metadata.annotations) {
    if (!(name.startsWith(prefix) || name.startsWith(oldPrefix)) || known.has(name)) continue;
    if (reported++ === maxUnknown) return;
    // Without the prefix, which would count as what is alike.
    const short = closest(name.slice(name.indexOf('/') + 1), Object.keys(names));
    const near = short === undefined ? undefined : names[short as keyof typeof names][0];
    problems.push({
      severity: 'warning',
      reason: 'UnknownAnnotation',
      message: `annotation ${name} is not known and has no effect`,
      hint: near === undefined ? `those known are ${currentNames.join(', ')}` : `did you mean ${near}?`,
      object: refOf(ingress),
      field: fieldOf(name),
    });
  }
}

export function fieldOf(annotation: string): string {
  return `metadata.annotations[${JSON.stringify(annotation)}]`;
}

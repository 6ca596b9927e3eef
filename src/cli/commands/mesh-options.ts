import { type Command, Option } from 'commander';
import type { Features } from '../../agent/agent-options.ts';
import { defaultMeshOptions, type MeshOptions } from '../../mesh/model/index.ts';
import { address, port } from '../arguments.ts';

/** What the processes of a cluster are told about what they serve; the same for agents and operators, or they would disagree. */
export interface MeshFlags {
  hostNetwork?: boolean;
  address: string;
  httpPort: number;
  httpsPort: number;
  ingress: boolean;
  gatewayApi: boolean;
  envoyConfig: boolean;
  loadbalancerMode: 'dedicated' | 'shared';
  defaultIngressClass?: boolean;
  defaultCertificate?: string;
  enforceHttps: boolean;
}

export function meshOptions(command: Command): Command {
  return command
    .optionsGroup('What it serves:')
    .option('--no-ingress', 'no Ingress')
    .option('--no-gateway-api', 'no Gateway API')
    .option('--no-envoy-config', 'no CiliumEnvoyConfig')
    .option('--default-ingress-class', 'also Ingresses that name no class')
    .option('--default-certificate <namespace/name>', 'TLS Secret for hosts that no other certificate fits')
    .option('--no-enforce-https', 'do not redirect HTTP to HTTPS for Ingress hosts with TLS')
    .optionsGroup('Where it listens:')
    .addOption(
      new Option('--loadbalancer-mode <mode>', 'of Ingresses that do not say it: an address for each, or one for all')
        .choices(['dedicated', 'shared'])
        .default('dedicated'),
    )
    .option('--host-network', "on the nodes' own addresses, without load balancers")
    .option('--address <ip>', 'with --host-network; and for Ingresses with a port of the hosts', address, '0.0.0.0')
    .option('--http-port <port>', 'with --host-network: Ingress, HTTP', port, 80)
    .option('--https-port <port>', 'with --host-network: Ingress, HTTPS', port, 443);
}

/** @param namespace of the installation */
export function toMeshOptions(flags: MeshFlags, namespace: string): MeshOptions {
  // On addresses of load balancers they are what their Services say.
  const ports = flags.hostNetwork === true ? flags : { httpPort: 80, httpsPort: 443 };
  return {
    ...defaultMeshOptions,
    address: flags.address,
    httpPort: ports.httpPort,
    httpsPort: ports.httpsPort,
    gatewayAddresses: flags.hostNetwork === true ? 'nodes' : 'service',
    sharedIngressService: `${namespace}/cilium-ingress`,
    ingressLoadBalancers: flags.loadbalancerMode,
    defaultIngressClass: flags.defaultIngressClass === true,
    enforceHttps: flags.enforceHttps,
    ...(flags.defaultCertificate === undefined ? {} : { defaultCertificate: flags.defaultCertificate }),
  };
}

export function toFeatures({ ingress, gatewayApi, envoyConfig }: MeshFlags): Features {
  return { ingress, gatewayApi, envoyConfig };
}

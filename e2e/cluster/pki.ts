import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { apiServiceAddress, controlPlaneAddress, families } from './addresses.ts';
import { nodeName, nodeNumbers, type Settings, stateDir } from './settings.ts';
import { run } from './shell.ts';

interface Certificate {
  /** File name without its ending. */
  readonly name: string;
  /** As openssl writes it: `/O=group/CN=user`. */
  readonly subject: string;
  readonly alternatives?: readonly string[];
}

/** A client of the API server that has a kubeconfig of its own. */
interface Client extends Certificate {
  readonly server: 'machine' | 'network';
}

export const pkiDir = (name: string): string => join(stateDir(name), 'pki');

/** Works from the machine's namespace and from the control plane's: the API server's port is the same in both. */
export const adminKubeconfig = (name: string): string => join(stateDir(name), 'kubeconfig');

export const kubeconfigFile = (name: string, client: string): string => join(pkiDir(name), `${client}.kubeconfig`);

/**
 * One CA for everything, EC keys, a certificate and a kubeconfig for each component: the least that Node authorizer,
 * RBAC and the kubelets' own authentication ask for.
 */
export async function writePki(settings: Settings): Promise<void> {
  const dir = pkiDir(settings.name);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const usage = ['-addext', 'keyUsage=critical,digitalSignature', '-addext', 'extendedKeyUsage=serverAuth,clientAuth'];
  const request = [
    'openssl',
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '365',
  ];
  const files = (name: string) => ['-keyout', join(dir, `${name}.key`), '-out', join(dir, `${name}.crt`)];
  const ca = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature'];
  await Promise.all([
    run([...request, '-subj', '/CN=sluice-testbed', ...ca, ...files('ca')]),
    run(['openssl', 'genrsa', '-out', join(dir, 'sa.key'), '2048']),
  ]);
  const issue = ({ name, subject, alternatives = [] }: Certificate) =>
    run([
      ...[...request, '-CA', join(dir, 'ca.crt'), '-CAkey', join(dir, 'ca.key')],
      ...['-subj', subject, ...usage, '-addext', 'basicConstraints=critical,CA:FALSE'],
      ...(alternatives.length === 0 ? [] : ['-addext', `subjectAltName=${alternatives.join(',')}`]),
      ...files(name),
    ]);
  const clients = clientsOf(settings);
  await Promise.all([
    ...[...serversOf(settings), ...clients].map(issue),
    run(['openssl', 'rsa', '-in', join(dir, 'sa.key'), '-pubout', '-out', join(dir, 'sa.pub')]),
  ]);
  await Promise.all(clients.map((client) => writeKubeconfig(settings, client)));
}

function serversOf(settings: Settings): Certificate[] {
  const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local'];
  return [
    {
      name: 'kube-apiserver',
      subject: '/CN=kube-apiserver',
      alternatives: [
        ...[controlPlaneAddress(settings), apiServiceAddress, '127.0.0.1'].map((address) => `IP:${address}`),
        ...[...names, 'localhost'].map((host) => `DNS:${host}`),
      ],
    },
    { name: 'apiserver-kubelet-client', subject: '/O=system:masters/CN=kube-apiserver-kubelet-client' },
  ];
}

function clientsOf(settings: Settings): Client[] {
  const component = (name: string): Client => ({ name, subject: `/CN=system:${name}`, server: 'network' });
  return [
    { name: 'admin', subject: '/O=system:masters/CN=admin', server: 'machine' },
    component('kube-controller-manager'),
    component('kube-scheduler'),
    component('kube-proxy'),
    ...nodeNumbers(settings).map((number): Client => {
      const name = nodeName(number);
      const addresses = families(settings).map((family) => `IP:${family.node(number)}`);
      const alternatives = [...addresses, `DNS:${name}`];
      return { name, subject: `/O=system:nodes/CN=system:node:${name}`, alternatives, server: 'network' };
    }),
  ];
}

async function writeKubeconfig(settings: Settings, { name, server }: Client): Promise<void> {
  const dir = pkiDir(settings.name);
  const data = async (file: string) => (await readFile(join(dir, file))).toString('base64');
  const host = server === 'machine' ? '127.0.0.1' : controlPlaneAddress(settings);
  // The certificates are in it, so that it can be copied to wherever it is wanted.
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: settings.name,
        cluster: { server: `https://${host}:${settings.apiPort}`, 'certificate-authority-data': await data('ca.crt') },
      },
    ],
    users: [
      {
        name,
        user: { 'client-certificate-data': await data(`${name}.crt`), 'client-key-data': await data(`${name}.key`) },
      },
    ],
    contexts: [{ name: settings.name, context: { cluster: settings.name, user: name } }],
    'current-context': settings.name,
  };
  const path = name === 'admin' ? adminKubeconfig(settings.name) : kubeconfigFile(settings.name, name);
  await writeFile(path, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 });
}

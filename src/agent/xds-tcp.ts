import { readFile } from 'node:fs/promises';
import { Fault } from '../lib/fault.ts';
import type { XdsOptions } from '../xds/index.ts';
import type { NodeOptions } from './node-options.ts';

/**
 * xDS over TCP, always with mutual TLS: whoever can subscribe gets private keys over SDS.
 * @throws Fault XDS_TLS where a file is not given or cannot be read
 */
export async function xdsTcp({ xds }: Pick<NodeOptions, 'xds'>): Promise<Pick<XdsOptions, 'tcp'>> {
  if (xds === undefined) return {};
  const [cert, key, clientCa] = await Promise.all([
    pem('--xds-cert', xds.cert),
    pem('--xds-key', xds.key),
    pem('--xds-ca', xds.ca),
  ]);
  return { tcp: { address: xds.address, port: xds.port, tls: { cert, key, clientCa } } };
}

async function pem(flag: string, path: string | undefined): Promise<Buffer> {
  const hint = 'xDS over TCP needs --xds-cert, --xds-key and --xds-ca, each a PEM file';
  if (path === undefined) throw new Fault('XDS_TLS', `--xds-address is given without ${flag}`, { hint });
  try {
    return await readFile(path);
  } catch (error) {
    throw Fault.from(error, 'XDS_TLS', `${flag} ${path}`, hint);
  }
}

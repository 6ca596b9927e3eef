import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { ConfigMap, Secret } from '../../api/index.ts';
import { objectKey, refOf } from '../../api/index.ts';
import type { SecretMaterial } from '../model/index.ts';

export type MaterialResult =
  | {
      readonly ok: true;
      readonly secret: SecretMaterial /** DNS names of the leaf. */;
      readonly dnsNames: readonly string[];
    }
  | { readonly ok: false; readonly message: string; readonly hint: string };

/** Checked once for each Secret object, not for each of its users. */
const checked = new WeakMap<Secret, MaterialResult>();

/**
 * The certificate and key of a Secret, as Envoy will be given them: checked here (PEM, a key that fits the leaf), because
 * Envoy refuses the whole secret otherwise and its message names no object. Never puts key material into a message.
 */
export function certificateOf(secret: Secret): MaterialResult {
  let result = checked.get(secret);
  if (result === undefined) {
    result = check(secret);
    checked.set(secret, result);
  }
  return result;
}

function check(secret: Secret): MaterialResult {
  const name = `Secret ${objectKey(secret)}`;
  const chain = secret.data['tls.crt'];
  const key = secret.data['tls.key'];
  const hint = 'a Secret of type kubernetes.io/tls holds a PEM certificate chain in tls.crt and its PEM key in tls.key';
  if (chain === undefined || chain.length === 0) return { ok: false, message: `${name} has no tls.crt`, hint };
  if (key === undefined || key.length === 0) return { ok: false, message: `${name} has no tls.key`, hint };
  const blocks = pemCertificates(chain);
  if (blocks.length === 0) return { ok: false, message: `${name}: tls.crt holds no PEM certificate`, hint };
  let leaf: X509Certificate | undefined;
  for (const [i, block] of blocks.entries()) {
    try {
      const certificate = new X509Certificate(block);
      leaf ??= certificate;
    } catch {
      return { ok: false, message: `${name}: certificate ${i + 1} in tls.crt cannot be read`, hint };
    }
  }
  try {
    const privateKey = createPrivateKey(Buffer.from(key));
    if (leaf !== undefined && !leaf.checkPrivateKey(privateKey)) {
      return {
        ok: false,
        message: `${name}: tls.key does not belong to the certificate in tls.crt`,
        hint: 'put the key of the first certificate into tls.key',
      };
    }
  } catch {
    return { ok: false, message: `${name}: tls.key cannot be read as an unencrypted private key`, hint };
  }
  return {
    ok: true,
    secret: { name: objectKey(secret), type: 'certificate', chain, key, origins: [refOf(secret)] },
    dnsNames: leaf === undefined ? [] : dnsNamesOf(leaf),
  };
}

/**
 * A trust bundle from the `ca.crt` of ConfigMaps or Secrets (Gateway API: ConfigMap; Secrets too where allowed), merged
 * under one name. The name is made of the objects, so users of the same ones share it.
 */
export function trustOf(objects: readonly (ConfigMap | Secret)[]): MaterialResult {
  const hint = 'ca.crt holds one or more PEM certificates of the authorities to trust';
  const bundles: Buffer[] = [];
  for (const object of objects) {
    const name = `${object.kind} ${objectKey(object)}`;
    const text =
      object.kind === 'ConfigMap' ? (object.data['ca.crt'] ?? object.binaryData['ca.crt']) : object.data['ca.crt'];
    if (text === undefined || text.length === 0) return { ok: false, message: `${name} has no ca.crt`, hint };
    const blocks = pemCertificates(Buffer.from(text));
    if (blocks.length === 0) return { ok: false, message: `${name}: ca.crt holds no PEM certificate`, hint };
    for (const [i, block] of blocks.entries()) {
      try {
        new X509Certificate(block);
      } catch {
        return { ok: false, message: `${name}: certificate ${i + 1} in ca.crt cannot be read`, hint };
      }
      bundles.push(Buffer.from(`${block}\n`));
    }
  }
  const name = `trust:${objects.map((object) => `${object.kind}/${objectKey(object)}`).join('+')}`;
  return {
    ok: true,
    secret: { name, type: 'trust', authorities: Buffer.concat(bundles), origins: objects.map(refOf) },
    dnsNames: [],
  };
}

function pemCertificates(bytes: Uint8Array): string[] {
  return (
    Buffer.from(bytes)
      .toString('latin1')
      .match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  );
}

function dnsNamesOf(leaf: X509Certificate): string[] {
  return (leaf.subjectAltName ?? '')
    .split(', ')
    .filter((entry) => entry.startsWith('DNS:'))
    .map((entry) => entry.slice(4).toLowerCase());
}

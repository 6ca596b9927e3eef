import { CniError, cniCode } from './cni-error.ts';

/** What the plugin was called with, as it forwards it: not checked yet. */
export interface CniCall {
  /** Variables whose names begin with `CNI_`. */
  readonly environment: ReadonlyMap<string, string>;
  /** Of the standard input. */
  readonly config: string;
}

/** More than any runtime sends: 32 KiB of arguments, and a configuration with the attachments of a full node. */
export const mostBytes = 4 << 20;

/**
 * Reads the body of a forwarded call: `NAME=value` and a NUL for each variable, one more NUL, then the standard input. Values
 * cannot contain NUL, so nothing in them is taken for anything else.
 * @throws CniError `undecodable`
 */
export function parseCall(body: Buffer): CniCall {
  const environment = new Map<string, string>();
  let at = 0;
  while (body[at] !== 0) {
    const end = body.indexOf(0, at);
    const text = end < 0 ? '' : decode(body.subarray(at, end), 'the environment');
    const equals = text.indexOf('=');
    if (equals <= 0) throw new CniError(cniCode.undecodable, 'the call is no environment and configuration');
    environment.set(text.slice(0, equals), text.slice(equals + 1));
    at = end + 1;
  }
  return { environment, config: decode(body.subarray(at + 1), 'the network configuration') };
}

/** The same, for those who call. */
export function encodeCall({ environment, config }: CniCall): Buffer {
  const variables = Array.from(environment, ([name, value]) => `${name}=${value}\0`);
  return Buffer.from(`${variables.join('')}\0${config}`);
}

function decode(bytes: Buffer, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new CniError(cniCode.undecodable, `${what} is not UTF-8`, { cause: error });
  }
}

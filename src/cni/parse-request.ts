import type { CniCall } from './call.ts';
import { checkAttachment, isId } from './check-attachment.ts';
import { CniError, cniCode } from './cni-error.ts';
import { parseConfig } from './parse-config.ts';
import { parsePodReference } from './parse-pod-reference.ts';
import type { Attachment, CniRequest, NetworkConfig } from './request.ts';
import { atLeast } from './version.ts';

/**
 * The call in its checked form.
 * @throws CniError with the specification's code for what is wrong
 */
export function parseRequest({ environment, config: text }: CniCall): CniRequest {
  const command = environment.get('CNI_COMMAND') ?? '';
  const { config, attachments } = parseConfig(text);
  switch (command) {
    case 'ADD':
      return { command, ...inContainer(environment), netns: netnsOf(environment), ...podOf(environment), config };
    case 'DEL': {
      const given = (environment.get('CNI_NETNS') ?? '') !== '';
      const netns = given ? { netns: netnsOf(environment) } : {};
      return { command, ...inContainer(environment), ...netns, ...podOf(environment), config };
    }
    case 'CHECK': {
      needs(config, command, '0.4.0');
      const { prevResult } = config;
      if (prevResult === undefined) throw new CniError(cniCode.badConfig, 'CHECK: prevResult is missing');
      const rest = { ...inContainer(environment), netns: netnsOf(environment), ...podOf(environment) };
      return { command, ...rest, config: { ...config, prevResult } };
    }
    case 'GC':
      needs(config, command, '1.1.0');
      // With none of them, everything would go.
      if (attachments === undefined) throw new CniError(cniCode.badConfig, 'GC: cni.dev/valid-attachments is missing');
      return { command, validAttachments: attachments, config };
    case 'STATUS':
      needs(config, command, '1.1.0');
      return { command, config };
    default:
      throw environmentError('CNI_COMMAND', command, 'ADD, DEL, CHECK, GC, STATUS or VERSION');
  }
}

type Environment = CniCall['environment'];

function inContainer(environment: Environment): Attachment {
  const containerId = environment.get('CNI_CONTAINERID') ?? '';
  const ifname = environment.get('CNI_IFNAME') ?? '';
  if (!isId(containerId)) throw environmentError('CNI_CONTAINERID', containerId, 'the id of a container');
  const attachment = checkAttachment(containerId, ifname);
  if (attachment === undefined)
    throw environmentError('CNI_IFNAME', ifname, 'the name of a new interface, of at most 15 characters');
  return attachment;
}

function netnsOf(environment: Environment): string {
  const path = environment.get('CNI_NETNS') ?? '';
  if (!path.startsWith('/')) throw environmentError('CNI_NETNS', path, 'the absolute path of a network namespace');
  return path;
}

function podOf(environment: Environment) {
  const pod = parsePodReference(environment.get('CNI_ARGS') ?? '');
  return pod === undefined ? {} : { pod };
}

function needs({ cniVersion }: NetworkConfig, command: string, version: '0.4.0' | '1.1.0'): void {
  if (atLeast(cniVersion, version)) return;
  const message = `${command} came with CNI ${version}, and the configuration is of ${cniVersion}`;
  throw new CniError(cniCode.incompatibleVersion, message);
}

function environmentError(name: string, value: string, wanted: string): CniError {
  const is = value === '' ? 'is missing' : `is ${JSON.stringify(value)}`;
  return new CniError(cniCode.badEnvironment, `${name} ${is}; it must be ${wanted}`);
}

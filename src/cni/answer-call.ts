import { Fault } from '../lib/fault.ts';
import { parseCall } from './call.ts';
import { CniError, cniCode } from './cni-error.ts';
import { formatResult } from './format-result.ts';
import { parseRequest } from './parse-request.ts';
import type { CniHandler, CniRequest } from './request.ts';
import type { Turns } from './turns.ts';

/** What the plugin prints, and how it went. */
export interface CallAnswer {
  /** Empty: nothing is printed. */
  readonly body: string;
  readonly request?: CniRequest;
  readonly error?: CniError;
}

/** Reads a forwarded call and has it done. Never throws: whatever goes wrong is an answer. */
export async function answerCall(body: Buffer, handler: CniHandler, turns: Turns): Promise<CallAnswer> {
  let request: CniRequest | undefined;
  try {
    request = parseRequest(parseCall(body));
    return { request, body: await perform(request, handler, turns) };
  } catch (thrown) {
    const error = asCniError(thrown, request);
    const { code, message: msg, details } = error;
    const cniVersion = request?.config.cniVersion ?? '1.0.0';
    const answer = JSON.stringify({ cniVersion, code, msg, ...(details === undefined ? {} : { details }) });
    return { body: answer, error, ...(request === undefined ? {} : { request }) };
  }
}

async function perform(request: CniRequest, handler: CniHandler, turns: Turns): Promise<string> {
  switch (request.command) {
    case 'ADD': {
      const result = await turns.of(request.containerId, () => handler.add(request));
      return JSON.stringify(formatResult(result, request.config.cniVersion));
    }
    case 'DEL':
      await turns.of(request.containerId, () => handler.del(request));
      return '';
    case 'CHECK':
      await turns.of(request.containerId, () => handler.check(request));
      return '';
    case 'GC':
      await turns.alone(() => handler.gc(request));
      return '';
    case 'STATUS':
      await handler.status(request);
      return '';
  }
}

function asCniError(thrown: unknown, request: CniRequest | undefined): CniError {
  if (thrown instanceof CniError) return thrown;
  const what = request === undefined ? 'call' : describeRequest(request);
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  const code = thrown instanceof Fault ? codeOfFault(thrown, request) : cniCode.nodeFailure;
  const details = thrown instanceof Fault ? thrown.hint : undefined;
  return new CniError(code, `${what}: ${reason}`, { cause: thrown, ...(details === undefined ? {} : { details }) });
}

function codeOfFault({ code }: Fault, request: CniRequest | undefined): number {
  // The sandbox that the runtime names is no more, or never was.
  if (code === 'NETNS_GONE') return request?.command === 'CHECK' ? cniCode.unknownContainer : cniCode.badEnvironment;
  if (code === 'NETNS_OWN') return cniCode.badEnvironment;
  // Addresses come back, and more may be on their way.
  return code === 'IPAM_EXHAUSTED' ? cniCode.tryAgainLater : cniCode.nodeFailure;
}

/** `ADD of default/web (4f5c...)`, for messages and logs. */
export function describeRequest(request: CniRequest): string {
  if (!('containerId' in request)) return request.command;
  const { command, containerId, pod } = request;
  const id = containerId.slice(0, 12);
  return pod === undefined ? `${command} of container ${id}` : `${command} of ${pod.namespace}/${pod.name} (${id})`;
}

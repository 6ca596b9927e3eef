import type { Attachment } from './request.ts';

/** Of container ids and names of networks (CNI specification, "Parameters" and "Configuration format"). */
const idPattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
/** `dev_valid_name` of the kernel: these are no names, or mean something else to it. */
const namePattern = /^[^\s/:\p{Cc}]{1,15}$/u;
const reservedNames = ['.', '..', 'lo', 'all', 'default'];

export const isId = (value: unknown): value is string => typeof value === 'string' && idPattern.test(value);

/** Undefined where it can be no interface of a container. */
export function checkAttachment(containerId: unknown, ifname: unknown): Attachment | undefined {
  if (!isId(containerId)) return undefined;
  if (typeof ifname !== 'string' || !namePattern.test(ifname) || reservedNames.includes(ifname)) return undefined;
  return { containerId, ifname };
}

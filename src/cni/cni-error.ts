/** Well-known codes of the CNI specification 1.1, section "Error"; those of a plugin itself begin at 100. */
export const cniCode = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  /** CHECK and DEL of a container that nobody knows; the runtime need not clean up. */
  unknownContainer: 3,
  badEnvironment: 4,
  ioFailure: 5,
  undecodable: 6,
  badConfig: 7,
  /** The runtime should try again later. */
  tryAgainLater: 11,
  /** STATUS: no ADD can be served. */
  notAvailable: 50,
  /** STATUS: ADD can be served, but containers may lack some connectivity. */
  limitedConnectivity: 51,
  /** The kernel or this node failed: what it was is in the details. */
  nodeFailure: 100,
  /** CHECK: the container's network is not what ADD left. */
  changed: 101,
} as const;

/** What a CNI call is refused with; the runtime prints it, the kubelet makes an event of it. */
export class CniError extends Error {
  readonly code: number;
  /** More, for people: the cause, and what to do next. */
  readonly details: string | undefined;

  constructor(code: number, message: string, options: { readonly details?: string; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CniError';
    this.code = code;
    this.details = options.details;
  }
}

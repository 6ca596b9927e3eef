/**
 * Annotation of a CiliumIdentity that no endpoint has, with the time at which that was seen: after a while the operator deletes
 * it. Who wants to use such an identity takes the mark off first: a deletion names the version that it was decided on, so
 * either the mark comes off, or the identity is gone and is made anew. The name is Cilium's.
 */
export const UNUSED_MARK = 'io.cilium.heartbeat';

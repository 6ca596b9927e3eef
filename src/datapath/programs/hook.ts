/**
 * Where our programs sit. Named after the function in bpf/, which argues for its place; `pod` is the host-side interface of
 * an endpoint, `uplink` a device of the node, `tunnel` the VXLAN device.
 */
export type Hook = 'from_pod' | 'to_pod' | 'from_uplink' | 'to_uplink' | 'from_tunnel' | 'to_tunnel';

/** On the device's ingress is what it receives: what a pod sends arrives there on its host-side interface. */
export const hookDirection: Readonly<Record<Hook, 'ingress' | 'egress'>> = {
  from_pod: 'ingress',
  to_pod: 'egress',
  from_uplink: 'ingress',
  to_uplink: 'egress',
  from_tunnel: 'ingress',
  to_tunnel: 'egress',
};

export const hooks = Object.keys(hookDirection) as readonly Hook[];

/** The object of a hook's program. */
export function objectOf(hook: Hook): string {
  return `${hook.replaceAll('_', '-')}.bpf.o`;
}

export function isHook(text: string): text is Hook {
  return Object.hasOwn(hookDirection, text);
}

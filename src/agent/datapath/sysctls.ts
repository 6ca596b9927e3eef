import { setNetSysctl } from '../../datapath/index.ts';

/** Forwarding is all that the node's stack has to do for pods: their programs do the rest. @throws Fault SYSCTL */
export function setSysctls({ ipv4, ipv6 }: { readonly ipv4: boolean; readonly ipv6: boolean }): void {
  if (ipv4) setNetSysctl('ipv4/ip_forward', '1');
  if (ipv6) setNetSysctl('ipv6/conf/all/forwarding', '1');
}

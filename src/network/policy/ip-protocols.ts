/** IANA's numbers of the protocols that policies name. */
export const IP_PROTOCOLS = { ICMP: 1, TCP: 6, UDP: 17, ICMPv6: 58, SCTP: 132 } as const;

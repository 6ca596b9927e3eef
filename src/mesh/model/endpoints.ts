/** One address that serves a backend. */
export interface EndpointAddress {
  /** IPv4 or IPv6 literal. */
  readonly address: string;
  readonly port: number;
  /** `draining`: it finishes what it has, and gets something new only if nothing else is left. */
  readonly state: 'healthy' | 'draining';
  readonly hostname?: string;
}

/** Endpoints that share a weight: those of one of the backend's targets. */
export interface Locality {
  /** Relative to the other localities' weights; 0 gets nothing. */
  readonly weight: number;
  readonly endpoints: readonly EndpointAddress[];
}

/** Where a backend with `endpoints` discovery is reached now. */
export interface Endpoints {
  /** The backend's name. */
  readonly backend: string;
  readonly localities: readonly Locality[];
}

/**
 * The operator: the one process in a cluster that writes. It runs the same translation as the agents, without Envoy, and brings
 * what comes of it to the API server: statuses, Services of type LoadBalancer and their addresses, Events. Several may run; one
 * leads, by a Lease, and the others keep their stores warm.
 */

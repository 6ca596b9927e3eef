/**
 * Addresses for Services of type LoadBalancer out of pools (Cilium's LB-IPAM). Called by the operator, which reads Services and
 * pools and writes what comes out into statuses. No I/O and no clock.
 */
export { AddressAllocator, type Assignment, type PoolUse } from './allocator.ts';
export { type LbCondition, poolConditions, serviceCondition } from './conditions.ts';
export { type PoolObject, poolId } from './pool.ts';

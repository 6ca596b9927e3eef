/**
 * Takes off a node what agents left on it: for good, when Sluice goes. Finds what is ours by the marks that everything of ours has (names,
 * protocol numbers, handles, directories), whatever version made it, and needs no agent, no record and no API server. Never takes
 * anything that it could not tell from somebody else's.
 */
export { agentAt, untilAgentEnds } from './agent-at.ts';
export { findLeftovers, type Leftover, type LeftoverKind, type NodePlaces } from './find-leftovers.ts';

/**
 * The datapath's events, read where the kernel wrote them: no system call and no copy for each. What an event means stands in
 * `src/flows`.
 */
export { type EventReader, type ReadEventsOptions, readEvents } from './read-events.ts';
export { type OnRecord, RingBuffer } from './ring-buffer.ts';

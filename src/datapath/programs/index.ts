/**
 * The programs of bpf/ in the kernel: loaded once for all devices, attached by name of the hook, and replaced in place when a
 * new agent takes over. What they decide stands in the maps.
 */
export { type AttachMode, type Attachment, Attachments } from './attachments.ts';
export { type FoundProgram, findPrograms } from './find-programs.ts';
export { type Hook, hookDirection, hooks, objectOf } from './hook.ts';
export { type LoadProgramsOptions, loadPrograms, type Programs } from './load-programs.ts';

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Fault } from '../../lib/fault.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/**
 * Where the compiled BPF programs are. `SLUICE_MODULES` (what comes with an installation) overrides the build's own place.
 * @throws Fault BPF_OBJECTS
 */
export function objectDirectory(env: NodeJS.ProcessEnv = process.env): string {
  const directory = env.SLUICE_MODULES ? join(env.SLUICE_MODULES, 'bpf') : join(root, '.cache/bpf');
  if (!existsSync(join(directory, 'abi.bpf.o')))
    throw new Fault('BPF_OBJECTS', `BPF programs: ${directory}: they are not there`, {
      hint: 'a checkout builds them by `make setup`; an installation has them under SLUICE_MODULES',
    });
  return directory;
}

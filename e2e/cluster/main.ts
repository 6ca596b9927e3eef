// npm run cluster -- COMMAND: a real Kubernetes on this machine.
import { Fault } from '../../src/lib/fault.ts';
import { buildProgram } from './program.ts';

try {
  await buildProgram().parseAsync();
} catch (error) {
  if (!(error instanceof Fault)) throw error;
  process.stderr.write(`cluster: ${error.message}\n${error.hint === undefined ? '' : `${error.hint}\n`}`);
  process.exitCode = 1;
}

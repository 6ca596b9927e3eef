/** `ADDRESS PORT HOST`: probes without pause until its standard input ends, then prints what it saw. For tests only. */
import { once } from 'node:events';
import { startProber } from './prober.ts';

const [address = '', port = '', host = ''] = process.argv.slice(2);
const prober = startProber(Number(port), host, '/', 200, address);
await prober.passes(20);
process.stdout.write('probing\n');
process.stdin.resume();
await once(process.stdin, 'end');
process.stdout.write(`${JSON.stringify(await prober.stop())}\n`);

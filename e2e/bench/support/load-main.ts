// Load from a process of its own: keep-alive connections that ask one host after another as fast as answers come, and count
// every answer. Prints one JSON line when its standard input ends.
import { now } from './clock.ts';
import { HttpConnection } from './connection.ts';
import type { LoadResult } from './load.ts';

const [address = '', port = '', connections = '', hostList = ''] = process.argv.slice(2);
const hosts = hostList.split(',');
const failures: LoadResult['failures'][number][] = [];
let requests = 0;
let failed = 0;
let reconnects = 0;
let longest = 0;
let over = false;
process.stdin.on('end', () => {
  over = true;
});
process.stdin.resume();

const startedAt = now();
await Promise.all(Array.from({ length: Number(connections) }, (_, i) => loop(i)));
const result: LoadResult = { requests, failed, failures, reconnects, longest, seconds: (now() - startedAt) / 1000 };
process.stdout.write(`${JSON.stringify(result)}\n`);

async function loop(first: number): Promise<void> {
  let connection = await HttpConnection.open(address, Number(port));
  for (let i = first; !over; i += 7) {
    const host = hosts[i % hosts.length]!;
    const asked = now();
    let outcome: string;
    try {
      if (!connection.open) {
        reconnects++;
        connection = await HttpConnection.open(address, Number(port));
      }
      const { status } = await connection.get(host);
      outcome = `${status}`;
    } catch (error) {
      outcome = (error as Error).message;
    }
    const took = now() - asked;
    if (took > longest) longest = took;
    requests++;
    if (outcome === '200') continue;
    failed++;
    if (failures.length < 20) failures.push({ host, outcome, at: (asked - startedAt) / 1000 });
  }
  connection.close();
}

/**
 * For tests only: a process that gives out addresses and takes them back as fast as it can, and says each thing only once it has
 * been answered: `+ IPV4 IPV6 OWNER`, `- OWNER`; `! CODE` where the answer is a fault. It announces a release with `~ OWNER`. Killed by
 * whoever started it.
 */
import { writeSync } from 'node:fs';
import { Fault } from '../../../lib/fault.ts';
import { createLog } from '../../../lib/log.ts';
import { AgentIpam } from '../agent-ipam.ts';

const [path = '', seed = '1'] = process.argv.slice(2);
// As if there were no room on the disk: the write fails, and the process lives.
process.on('SIGXFSZ', () => {});

const ipam = new AgentIpam({
  mode: 'kubernetes',
  families: [4, 6],
  path,
  bootId: 'boot',
  log: createLog({ level: 'silent', format: 'json' }),
  patience: 0,
});
ipam.setPodCidrs({ podCidrs: ['10.0.0.0/25', 'fd00::/112'] });

let state = Number(seed);
const random = (below: number) => {
  state = (state * 48271) % 2147483647;
  return state % below;
};
const say = (line: string) => writeSync(1, `${line}\n`);

for (let turn = 0; ; turn++) {
  const owner = `${seed}-${random(80)}/eth0`;
  try {
    if (ipam.allocationOf(owner) === undefined) {
      const { ipv4, ipv6 } = await ipam.allocate(owner, [4, 6], { description: `default/pod-${turn}` });
      say(`+ ${ipv4} ${ipv6} ${owner}`);
    } else {
      // Once it is under way, it may have happened.
      say(`~ ${owner}`);
      ipam.release(owner);
      say(`- ${owner}`);
    }
  } catch (error) {
    say(`! ${error instanceof Fault ? error.code : String(error)}`);
  }
  if (turn % 64 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
}

import type { Command } from 'commander';
import type { ClusterNodeStatus, NodeElement } from '../../agent/rest/models/node.ts';
import { Fault } from '../../lib/fault.ts';
import { printRest, type RestOutput } from '../output/rest-output.ts';
import { askRest } from '../rest-client.ts';
import { outputOptions, type TargetFlags } from './rest-options.ts';

interface Flags extends TargetFlags {
  readonly output: RestOutput;
}

export function nodeCommand(program: Command): void {
  const group = program
    .command('node')
    .summary('the nodes of the cluster, as one of them knows them')
    .description(
      'Nodes that the running agent knows, itself included: their addresses, and the addresses of their pods.',
    );
  outputOptions(group.command('list'))
    .summary('all nodes')
    .action(async (flags: Flags) => {
      const nodes = (await askRest<ClusterNodeStatus>(flags, '/cluster/nodes'))?.['nodes-added'] ?? [];
      printRest(nodes, flags.output, () => nodeTable(nodes));
    });
  outputOptions(group.command('get').argument('<name>', 'with or without its cluster'))
    .summary('one node')
    .action(async (name: string, flags: Flags) => {
      const nodes = (await askRest<ClusterNodeStatus>(flags, '/cluster/nodes'))?.['nodes-added'] ?? [];
      const found = nodes.find((node) => node.name === name || node.name.endsWith(`/${name}`));
      if (found === undefined)
        throw new Fault('NO_NODE', `there is no node ${name}`, {
          hint: '`sluice node list` shows those that there are',
        });
      printRest(found, flags.output, () => nodeTable([found]));
    });
}

function nodeTable(nodes: readonly NodeElement[]) {
  return {
    headers: ['Name', 'IPv4 Address', 'Endpoint CIDR', 'IPv6 Address', 'Endpoint CIDR'],
    rows: nodes.map(({ name, 'primary-address': { ipv4, ipv6 } }) => [
      name,
      ipv4?.ip ?? '',
      ipv4?.['alloc-range'] ?? '',
      ipv6?.ip ?? '',
      ipv6?.['alloc-range'] ?? '',
    ]),
  };
}

import type { Command } from 'commander';
import { Option } from 'commander';
import { openKube } from '../../../src/kube/index.ts';
import { ensureBinaries } from '../binaries.ts';
import { componentPid } from '../component.ts';
import { allComponents } from '../components.ts';
import { knownTestbeds } from '../down.ts';
import { adminKubeconfig } from '../pki.ts';
import { readState } from '../state.ts';
import { isTrue } from '../watch-until.ts';
import { named, toStderr } from './options.ts';

export interface Status {
  readonly name: string;
  /** `down`: nothing is there; `broken`: an unfinished start, or something that should run does not. */
  readonly phase: 'down' | 'broken' | 'ready';
  readonly kubeconfig?: string;
  readonly components: readonly { readonly name: string; readonly pid: number | null }[];
  readonly nodes: readonly { readonly name: string; readonly ready: boolean }[];
  /** Names of the other testbeds on this machine. */
  readonly others: readonly string[];
}

export function statusCommand(program: Command): void {
  named(program.command('status'))
    .description('what runs; exit code 1 unless all of it does')
    .addOption(new Option('-o, --output <format>', 'how it is printed').choices(['text', 'json']).default('text'))
    .action(async ({ name, output }: { name: string; output: 'text' | 'json' }) => {
      const status = await readStatus(name);
      process.stdout.write(output === 'json' ? `${JSON.stringify(status, undefined, 2)}\n` : formatStatus(status));
      if (status.phase !== 'ready') process.exitCode = 1;
    });
}

export async function readStatus(name: string): Promise<Status> {
  const all = knownTestbeds();
  const others = all.filter((other) => other !== name);
  const state = readState(name);
  if (state === undefined)
    return { name, phase: all.includes(name) ? 'broken' : 'down', components: [], nodes: [], others };
  const binaries = await ensureBinaries(toStderr());
  const components = allComponents(state.settings, binaries).map((component) => ({
    name: component.name,
    pid: componentPid(name, component) ?? null,
  }));
  const nodes = await nodesOf(name);
  const works = state.phase === 'ready' && components.every(({ pid }) => pid !== null);
  const phase =
    works && nodes.length === state.settings.nodes && nodes.every(({ ready }) => ready) ? 'ready' : 'broken';
  return { name, phase, kubeconfig: adminKubeconfig(name), components, nodes, others };
}

/** Empty when the API server does not answer. */
async function nodesOf(name: string): Promise<Status['nodes']> {
  let kube: ReturnType<typeof openKube> | undefined;
  try {
    kube = openKube({ kubeconfig: adminKubeconfig(name), userAgent: 'sluice-testbed' });
    const { items } = await kube.request<{ items: { metadata: { name: string } }[] }>({
      method: 'GET',
      path: '/api/v1/nodes',
      timeout: 5000,
    });
    return items.map((node) => ({ name: node.metadata.name, ready: isTrue(node, 'Ready') }));
  } catch {
    return [];
  } finally {
    kube?.close();
  }
}

function formatStatus({ name, phase, kubeconfig, components, nodes, others }: Status): string {
  const lines = [
    `testbed ${name}: ${phase}`,
    ...components.map(({ name: component, pid }) => `  ${component.padEnd(26)} ${pid ?? 'not running'}`),
    ...nodes.map(({ name: node, ready }) => `  ${node.padEnd(26)} ${ready ? 'Ready' : 'NotReady'}`),
    ...(kubeconfig === undefined ? [] : [`  export KUBECONFIG=${kubeconfig}`]),
    ...(others.length === 0 ? [] : [`  other testbeds (--name): ${others.join(', ')}`]),
  ];
  return `${lines.join('\n')}\n`;
}

import { runPlugin } from '../../support/cni-plugin.ts';
import { type LabNode, type LabPod, startDatapathRig } from '../../support/datapath-rig.ts';
import { until } from '../../support/until.ts';
import { type Bench, below, type Figure, figure } from '../bench.ts';
import { median, percentile } from '../support/statistics.ts';

type Sandbox = Pick<LabPod, 'containerId' | 'netns' | 'name' | 'namespace'>;

export const cni: Bench = {
  name: 'cni',
  about: 'the CNI plugin: ADD and DEL of pods, from the start of the process to its end, agent and datapath included',
  async run(context) {
    const rig = await startDatapathRig();
    context.defer(() => rig.stop());
    const node = rig.nodes[0]!;
    const pods = Array.from({ length: context.quick ? 30 : 200 }, (_, i): Sandbox => {
      const name = `pod-${i}`;
      rig.write({
        ...{
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name, namespace: 'default', labels: { app: `app-${i % 20}` } },
        },
        spec: { nodeName: 'node-0', containers: [{ name: 'app', image: 'app' }] },
      });
      return { name, namespace: 'default', containerId: `bench-${process.pid}-${i}`, netns: rig.lab.add(name) };
    });
    context.progress(`${pods.length} sandboxes`);
    const version = await inTurn(pods, () => runPlugin({ CNI_COMMAND: 'VERSION' }, {}));
    const add = await inTurn(pods, (pod) => succeeds(node, 'ADD', pod));
    const del = await inTurn(pods, (pod) => succeeds(node, 'DEL', pod));
    const burst = pods.slice(0, 30);
    const atOnce = async (command: string) => {
      const started = performance.now();
      await Promise.all(burst.map((pod) => succeeds(node, command, pod)));
      return { started, ms: performance.now() - started };
    };
    const added = await atOnce('ADD');
    const deleted = await atOnce('DEL');
    // A DEL is answered when the pod is cut off; its interface goes behind that.
    await until('no interface of a pod to be left', () => !/: slu[0-9a-f]{11}@/.test(node.netns.ip('-o', 'link')));
    const gone = performance.now() - deleted.started;
    return [
      ...figuresOf('ADD of a pod', add, 30),
      ...figuresOf('DEL of a pod', del, 30),
      figure('the plugin by itself: started, answered VERSION and ended, p50', median(version), 'ms'),
      figure('the plugin by itself, p99', percentile(version, 0.99), 'ms'),
      figure(`ADD of ${burst.length} pods at once: until the last is done`, added.ms, 'ms'),
      figure(`DEL of ${burst.length} pods at once: until the last is answered`, deleted.ms, 'ms'),
      figure('until the last interface is gone as well', gone, 'ms'),
    ];
  },
};

function figuresOf(what: string, times: readonly number[], goal: number): Figure[] {
  return [
    figure(`${what}, process start included, ${times.length} times, p50`, median(times), 'ms'),
    figure(`${what}, p99`, percentile(times, 0.99), 'ms', { goal: below(goal) }),
    figure(`${what}, slowest`, Math.max(...times), 'ms'),
  ];
}

/** ms of each, one after the other. */
async function inTurn(pods: readonly Sandbox[], work: (pod: Sandbox) => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (const pod of pods) {
    const started = performance.now();
    await work(pod);
    times.push(performance.now() - started);
  }
  return times;
}

async function succeeds(node: LabNode, command: string, pod: Sandbox): Promise<void> {
  const { status, output } = await node.call(command, pod);
  if (status !== 0) throw new Error(`${command} of ${pod.name}: ${JSON.stringify(output)}`);
}

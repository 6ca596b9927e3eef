import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Component, componentHealth, type InstallationFacts, isReady } from './component-health.ts';
import type { PodFacts } from './pod-problems.ts';

const running = { running: { startedAt: '2026-01-01T00:00:00Z' } };
type Status = NonNullable<PodFacts['status']>;
type ContainerStatus = NonNullable<Status['containerStatuses']>[number];

const container = (name: string, more: Partial<ContainerStatus> = {}): ContainerStatus => ({
  name,
  ready: true,
  image: 'sluice:dev',
  restartCount: 0,
  state: running,
  ...more,
});

const pod = (app: string, containers: readonly ContainerStatus[], status: Status = {}): PodFacts => ({
  metadata: { name: `${app}-x1`, labels: { 'app.kubernetes.io/name': app } },
  spec: { nodeName: 'node-1' },
  status: { phase: 'Running', containerStatuses: containers, ...status },
});

const good: InstallationFacts = {
  namespace: 'kube-system',
  daemonSet: {
    metadata: { name: 'sluice', generation: 1 },
    status: { observedGeneration: 1, desiredNumberScheduled: 1, updatedNumberScheduled: 1 },
  },
  deployment: {
    metadata: { name: 'sluice-operator', generation: 1 },
    spec: { replicas: 1 },
    status: { observedGeneration: 1, replicas: 1, updatedReplicas: 1 },
  },
  pods: [pod('sluice', [container('agent'), container('envoy')]), pod('sluice-operator', [container('operator')])],
  events: [],
};

const states = (components: readonly Component[]) => components.map(({ name, state }) => `${name}: ${state}`);
/** The one problem of the installation with these agents' Pods. */
function problemOf(agent: PodFacts) {
  const found = componentHealth({ ...good, pods: [agent, good.pods[1] as PodFacts] }).flatMap(
    ({ problems }) => problems,
  );
  assert.ok(found[0] !== undefined);
  return found[0];
}

describe('health of an installation', () => {
  it('is ready when every container of every Pod is, at the newest configuration', () => {
    const components = componentHealth(good);
    assert.ok(isReady(components));
    assert.deepEqual(states(components), ['agent: ready', 'envoy: ready', 'operator: ready']);
    assert.deepEqual(
      components.map(({ ready, wanted, updated }) => [ready, wanted, updated]),
      [
        [1, 1, 1],
        [1, 1, 1],
        [1, 1, 1],
      ],
    );
  });

  it('says that nothing is installed, and where it looked', () => {
    const components = componentHealth({ namespace: 'mesh', pods: [], events: [] });
    assert.deepEqual(states(components), ['agent: missing', 'envoy: missing', 'operator: missing']);
    assert.match(`${components[0]?.problems[0]?.object}`, /DaemonSet sluice in mesh/);
    assert.match(`${components[0]?.problems[0]?.hint}`, /sluice install/);
  });

  it('tells the agent from its Envoy', () => {
    const components = componentHealth({
      ...good,
      pods: [pod('sluice', [container('agent'), container('envoy', { ready: false })]), good.pods[1] as PodFacts],
    });
    assert.deepEqual(states(components), ['agent: ready', 'envoy: not ready', 'operator: ready']);
    assert.deepEqual(components[0]?.problems, []);
    assert.match(`${components[1]?.problems[0]?.object}`, /container envoy$/);
  });

  it('is updating while a change is not on every node, and not ready before the controller has seen it', () => {
    const halfway = { ...good.daemonSet?.status, updatedNumberScheduled: 0 };
    const updating = componentHealth({
      ...good,
      daemonSet: { metadata: { name: 'sluice', generation: 1 }, status: halfway },
    });
    assert.equal(updating[0]?.state, 'updating');
    const unseen = componentHealth({
      ...good,
      daemonSet: { ...good.daemonSet, metadata: { name: 'sluice', generation: 2 } },
    });
    assert.equal(unseen[0]?.state, 'not ready');
  });

  it('does not count Pods that are going away', () => {
    const [agent, operator] = good.pods as [PodFacts, PodFacts];
    const going = { ...operator, metadata: { ...operator.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
    assert.equal(componentHealth({ ...good, pods: [agent, going] })[2]?.state, 'not ready');
  });

  it('names a missing image, and how it gets there', () => {
    for (const reason of ['ErrImageNeverPull', 'ImagePullBackOff', 'ErrImagePull', 'InvalidImageName']) {
      const waiting = { waiting: { reason, message: 'Container image "sluice:dev" is not present' } };
      const problem = problemOf(
        pod('sluice', [container('agent', { ready: false, state: waiting }), container('envoy')]),
      );
      assert.equal(problem.reason, reason);
      assert.equal(problem.object, 'Pod kube-system/sluice-x1 on node node-1, container agent');
      assert.match(`${problem.hint}`, /load the image sluice:dev into the nodes/);
    }
  });

  it('shows the last words of what crashes', () => {
    const message = '{"level":"info"}\nsluice: no such cluster [KUBE_CONFIG]\n';
    const crashed = container('agent', {
      ready: false,
      restartCount: 4,
      state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 1m20s' } },
      lastState: { terminated: { exitCode: 1, reason: 'Error', message } },
    });
    const problem = problemOf(pod('sluice', [crashed, container('envoy')]));
    assert.equal(problem.reason, 'CrashLoopBackOff');
    assert.match(problem.message, /^it ended with 1: .*no such cluster/);
    assert.match(`${problem.hint}`, /^kubectl logs --namespace kube-system sluice-x1 --container agent --previous$/);
  });

  it('tells memory from other ends', () => {
    const terminated = { exitCode: 137, reason: 'OOMKilled' };
    const problem = problemOf(
      pod('sluice', [container('agent', { ready: false, lastState: { terminated } }), container('envoy')]),
    );
    assert.equal(problem.reason, 'OOMKilled');
    assert.match(`${problem.hint}`, /raise resources\.limits\.memory/);
  });

  for (const [message, hint] of [
    ['0/2 nodes are available: 2 Insufficient memory.', /lower resources\.requests/],
    ["0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.", /one of its ports/],
    ['0/1 nodes are available: 1 node(s) had untolerated taint {a: b}.', /tolerations/],
    ["0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.", /nodeSelector/],
  ] as const)
    it(`tells what to do about: ${message}`, () => {
      const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }];
      const problem = problemOf({
        metadata: { name: 'sluice-x1', labels: { 'app.kubernetes.io/name': 'sluice' } },
        status: { phase: 'Pending', conditions },
      });
      assert.equal(problem.message, message);
      assert.match(`${problem.hint}`, hint);
    });

  it('finds out why there are no Pods: refused ones, no node, no replicas', () => {
    const message = 'pods "sluice-" is forbidden: violates PodSecurity "baseline:latest": host namespaces';
    const refused = componentHealth({
      ...good,
      pods: [good.pods[1] as PodFacts],
      events: [
        { type: 'Warning', reason: 'FailedCreate', message, involvedObject: { kind: 'DaemonSet', name: 'sluice' } },
      ],
    });
    assert.deepEqual(
      refused[0]?.problems.map(({ reason }) => reason),
      ['FailedCreate'],
    );
    assert.equal(refused[0]?.problems[0]?.message, message);
    const nowhere = componentHealth({
      ...good,
      pods: [],
      daemonSet: {
        metadata: { name: 'sluice', generation: 1 },
        status: { observedGeneration: 1, desiredNumberScheduled: 0 },
      },
    });
    assert.equal(nowhere[0]?.state, 'not ready');
    assert.match(`${nowhere[0]?.problems[0]?.message}`, /no node fits/);
    const conditions = [{ type: 'ReplicaFailure', status: 'True', message: 'exceeded quota' }];
    const quota = componentHealth({
      ...good,
      pods: [good.pods[0] as PodFacts],
      deployment: {
        ...good.deployment,
        metadata: { name: 'sluice-operator', generation: 1 },
        status: { observedGeneration: 1, replicas: 0, conditions },
      },
    });
    assert.deepEqual(
      quota[2]?.problems.map(({ message: said }) => said),
      ['exceeded quota'],
    );
  });

  it('takes whatever the API server may leave out, and never calls ready what has fewer Pods than wanted', () => {
    const status = fc.record(
      {
        observedGeneration: fc.nat(3),
        desiredNumberScheduled: fc.nat(3),
        updatedNumberScheduled: fc.nat(3),
        replicas: fc.nat(3),
        updatedReplicas: fc.nat(3),
      },
      { requiredKeys: [] },
    );
    const workload = fc.option(
      fc.record(
        {
          metadata: fc.constant({ name: 'sluice', generation: 1 }),
          spec: fc.record({ replicas: fc.nat(3) }, { requiredKeys: [] }),
          status,
        },
        { requiredKeys: ['metadata'] },
      ),
      { nil: undefined },
    );
    const pods = fc.array(
      fc.constantFrom<PodFacts>(
        ...good.pods,
        { metadata: { name: 'bare' } },
        { metadata: { name: 'bare', labels: { 'app.kubernetes.io/name': 'sluice' } }, status: {} },
        pod('sluice', [container('agent', { ready: false, state: {} })]),
      ),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(workload, workload, pods, (daemonSet, deployment, all) => {
        for (const each of componentHealth({ ...good, daemonSet, deployment, pods: all })) {
          if (each.state === 'ready') assert.ok(each.ready >= each.wanted && each.wanted > 0);
          else if (each.state === 'missing') assert.equal(each.problems.length, 1);
        }
      }),
    );
  });
});

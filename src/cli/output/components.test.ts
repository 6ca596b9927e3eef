import assert from 'node:assert/strict';
import type { Component } from '../../install/component-health.ts';
import { ComponentProgress, componentTable } from './components.ts';
import { plain } from './table.ts';

const problem = {
  object: 'Pod kube-system/sluice-x1 on node a, container agent',
  reason: 'ErrImageNeverPull',
  message: 'image "sluice:dev" is not present\u001b[2J',
  hint: 'load the image',
};
const component = (more: Partial<Component> = {}): Component => ({
  name: 'agent',
  workload: 'DaemonSet sluice',
  wanted: 2,
  ready: 1,
  updated: 2,
  state: 'not ready',
  problems: [problem],
  ...more,
});

describe('components on a terminal', () => {
  it('are a table, with each problem once under it; nothing that drives the terminal', () => {
    const text = componentTable(
      [component(), component({ name: 'envoy', ready: 2, state: 'ready', problems: [problem] })],
      plain,
    );
    assert.equal(
      text,
      'COMPONENT  WORKLOAD          READY  UP TO DATE  STATE\n' +
        'agent      DaemonSet sluice  1/2    2/2         not ready\n' +
        'envoy      DaemonSet sluice  2/2    2/2         ready\n' +
        '\nerror: Pod kube-system/sluice-x1 on node a, container agent: image "sluice:dev" is not present\ufffd[2J [ErrImageNeverPull]\n' +
        '  hint: load the image\n',
    );
  });

  it('are lines while they are waited for: only what is new', () => {
    let printed = '';
    const progress = new ComponentProgress((text) => {
      printed += text;
    }, plain);
    const notYet = { ...problem, reason: 'NotReady' };
    progress.show([component({ ready: 0, problems: [notYet] })]);
    progress.show([component({ ready: 0 })]);
    progress.show([component({ ready: 0 })]);
    progress.show([component({ ready: 2, state: 'updating', problems: [] })]);
    assert.deepEqual(printed.replaceAll(/waiting: .*\n {2}hint: .*/g, 'why').split('\n'), [
      'agent: 0 of 2 ready',
      'why',
      'agent: 2 of 2 ready, the old ones still go',
      '',
    ]);
  });
});

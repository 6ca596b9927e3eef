import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { collectHeap } from './heap-growth.ts';

// Holds 60 MB, and replaces them piece by piece: 120 MB of garbage that was in use for long.
const program = (setUp: string) => `
  ${setUp}
  const held = Array.from({ length: 6000 }, (_, i) => new Array(1250).fill(i));
  for (let i = 0; i < 12000; i++) held[i % held.length] = new Array(1250).fill(i);
`;

function collections(setUp: string): number {
  const args = ['--trace-gc', '--max-semi-space-size=8', '--input-type=module', '--eval', program(setUp)];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout.split('\n').filter((line) => line.includes('Mark-Compact')).length;
}

describe('bounded growth of the heap', () => {
  it('collects more often what was replaced', () => {
    const module = JSON.stringify(join(import.meta.dirname, 'heap-growth.ts'));
    const bounded = collections(`const { boundHeapGrowth } = await import(${module}); boundHeapGrowth();`);
    assert.ok(bounded > collections(''));
  });
});

describe('collecting the heap', () => {
  it('leaves nothing that is not in use, and no way to do it to the rest of the process', () => {
    const held = Array.from({ length: 200 }, (_, i) => new Array(10_000).fill(i));
    const garbage = () => held.splice(0).length;
    const before = process.memoryUsage().heapUsed;
    garbage();
    collectHeap();
    assert.ok(process.memoryUsage().heapUsed < before - 10_000_000);
    assert.equal('gc' in globalThis, false);
  });
});

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dump, loadAll } from 'js-yaml';
import { objectKey, parseObject } from '../../api/index.ts';
import { parseIp } from '../../lib/ip-address.ts';
import { AddressAllocator } from './allocator.ts';
import { poolConditions } from './conditions.ts';

const folder = join(import.meta.dirname, 'testdata');

/** Steps are separated by documents `step: TEXT`; `delete: KIND/NAME` takes an object away. */
function play(text: string): unknown {
  const allocator = new AddressAllocator();
  const steps: unknown[] = [];
  let title = 'at the start';
  const services = new Set<string>();
  const settle = () => {
    const changed = [...allocator.settle()].sort();
    steps.push({
      step: title,
      changed,
      services: Object.fromEntries(
        [...services].sort().map((key) => [key, allocator.assignment(key) ?? 'none of ours']),
      ),
      pools: Object.fromEntries(
        allocator
          .pools()
          .map((pool) => [
            pool.id,
            Object.fromEntries(
              poolConditions(pool).map(({ type, status, message }) => [
                type,
                status === 'Unknown' ? message : `${status} ${message}`.trim(),
              ]),
            ),
          ]),
      ),
    });
  };
  for (const document of loadAll(text) as Record<string, unknown>[]) {
    if (typeof document.step === 'string') {
      settle();
      title = document.step;
    } else if (typeof document.delete === 'string') {
      const [kind = '', name = ''] = document.delete.split(/\/(.*)/s);
      if (kind !== 'Service') allocator.deletePool({ kind, metadata: { name } });
      else if (services.delete(name)) allocator.deleteService(name);
    } else {
      const { object, diagnostics } = parseObject(document);
      assert.deepEqual(diagnostics, []);
      if (object?.kind === 'Service') {
        services.add(objectKey(object));
        allocator.setService(
          object,
          object.status.loadBalancer.flatMap(({ ip }) => parseIp(ip ?? '') ?? []),
        );
      } else if (object?.kind === 'CiliumLoadBalancerIPPool' || object?.kind === 'CiliumBGPLoadBalancerIPPool')
        allocator.setPool(object);
      else assert.fail(`unexpected ${object?.kind}`);
    }
  }
  settle();
  return steps;
}

describe('LB-IPAM goldens', () => {
  const files = readdirSync(folder).sort();
  const names = files.filter((file) => file.endsWith('.in.yaml')).map((file) => file.slice(0, -'.in.yaml'.length));
  for (const name of names)
    it(name, () => {
      const text = dump(play(readFileSync(join(folder, `${name}.in.yaml`), 'utf8')), { lineWidth: 120, noRefs: true });
      const path = join(folder, `${name}.out.yaml`);
      if (process.env.UPDATE_GOLDEN === '1') writeFileSync(path, text);
      assert.equal(text, readFileSync(path, 'utf8'));
    });
  it('has no orphan goldens', () => {
    const outputs = files
      .filter((file) => file.endsWith('.out.yaml'))
      .map((file) => file.slice(0, -'.out.yaml'.length));
    assert.deepEqual(outputs, names);
  });
});

import assert from 'node:assert/strict';
import { InvalidArgumentError } from 'commander';
import fc from 'fast-check';
import { address, addressAndPort, count, duration, namespacedName, percentage, port, unlessOff } from './arguments.ts';
import { defaultStateDir } from './state-dir.ts';

const refuses = (parse: (value: string) => unknown, values: readonly string[]) => {
  for (const value of values) assert.throws(() => parse(value), InvalidArgumentError, `${parse.name} ${value}`);
};

describe('option values', () => {
  it('ports', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 65_535 }), (n) => assert.equal(port(String(n)), n)));
    refuses(port, ['0', '65536', '-1', '1.5', '1e3', '0x50', ' 80', '80 ', '', 'http', '٨٠']);
  });

  it('addresses', () => {
    for (const value of ['127.0.0.1', '0.0.0.0', '::', '::1', 'fe80::1']) assert.equal(address(value), value);
    refuses(address, ['localhost', '127.0.0', '1.2.3.4:80', '', '[::1]']);
  });

  it('addresses with ports', () => {
    assert.deepEqual(addressAndPort('127.0.0.1:80'), { address: '127.0.0.1', port: 80 });
    assert.deepEqual(addressAndPort('[::1]:80'), { address: '::1', port: 80 });
    assert.deepEqual(unlessOff('where', addressAndPort('off')), {});
    assert.deepEqual(unlessOff('where', addressAndPort('[::1]:80')), { where: { address: '::1', port: 80 } });
    refuses(addressAndPort, ['::1:80', '127.0.0.1', ':80', 'localhost:80', '127.0.0.1:0', '127.0.0.1:99999', 'on', '']);
  });

  it('objects by namespace and name', () => {
    assert.deepEqual(namespacedName('kube-system/a'), { namespace: 'kube-system', name: 'a' });
    refuses(namespacedName, ['a', '', '/', 'a/', '/a', 'a/b/c', 'a /b']);
  });

  it('percentages', () => {
    assert.deepEqual(['0', '0.5', '100'].map(percentage), [0, 0.5, 100]);
    refuses(percentage, ['-1', '101', '', 'NaN', '50%']);
  });

  it('counts', () => {
    assert.deepEqual(['1', '9999'].map(count), [1, 9999]);
    refuses(count, ['0', '01', '10000', '-1', '', '1.0']);
  });

  it('durations', () => {
    assert.deepEqual(['0s', '500ms', '10s', '2m'].map(duration), [0, 500, 10_000, 120_000]);
    refuses(duration, ['10', '1h', 's', '-1s', '1.5s', '']);
  });
});

describe('state directory', () => {
  it("is root's, the user's own, or a private one", () => {
    assert.equal(defaultStateDir({}, 0), '/run/sluice');
    assert.equal(defaultStateDir({ XDG_RUNTIME_DIR: '/run/user/7' }, 7), '/run/user/7/sluice');
    assert.match(defaultStateDir({}, 7), /\/sluice-7$/);
    assert.equal(defaultStateDir({ SLUICE_STATE_DIR: '/x', XDG_RUNTIME_DIR: '/y' }, 7), '/x');
  });
});

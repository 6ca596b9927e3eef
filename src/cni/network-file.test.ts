import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '../lib/log.ts';
import { NetworkFile, networkFile } from './network-file.ts';
import { chainedNetworkList, ownNetworkList } from './network-list.ts';
import { placedPlugins, placePlugin } from './place-plugin.ts';

const log = createLog({ level: 'silent', format: 'text' });

describe('the CNI configuration of a node', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'sluice-cni-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));
  const read = () => readFileSync(join(dir, networkFile), 'utf8');

  it('is written, put right, and leaves the files of others alone', async () => {
    writeFileSync(join(dir, '10-other.conflist'), 'theirs');
    const file = new NetworkFile({ dir, log });
    assert.equal(await file.check(), true);
    assert.equal(read(), ownNetworkList());
    const { mtimeMs, ino } = statSync(join(dir, networkFile));
    await file.check();
    assert.deepEqual([statSync(join(dir, networkFile)).mtimeMs, statSync(join(dir, networkFile)).ino], [mtimeMs, ino]);
    writeFileSync(join(dir, networkFile), 'wrong');
    await file.check();
    assert.equal(read(), ownNetworkList());
    assert.deepEqual(readdirSync(dir), [networkFile, '10-other.conflist']);
    assert.equal(readFileSync(join(dir, '10-other.conflist'), 'utf8'), 'theirs');
  });

  it('waits for the network that it is to be chained to, and follows its changes', async () => {
    const file = new NetworkFile({ dir, log, chainingTarget: 'aws-cni' });
    writeFileSync(join(dir, '10-aws.conflist'), '{"name": "aws-');
    assert.equal(await file.check(), false);
    assert.deepEqual(readdirSync(dir), ['10-aws.conflist']);
    for (const mtu of [1500, 9001]) {
      const theirs = JSON.stringify({ cniVersion: '0.4.0', name: 'aws-cni', plugins: [{ type: 'aws-cni', mtu }] });
      writeFileSync(join(dir, '10-aws.conflist'), theirs);
      assert.equal(await file.check(), true);
      assert.equal(read(), chainedNetworkList(theirs));
    }
  });

  it('that cannot be written is a fault that says where', async () => {
    writeFileSync(join(dir, 'file'), '');
    const file = new NetworkFile({ dir: join(dir, 'file'), log });
    await assert.rejects(file.start(), { code: 'CNI_CONFIG', hint: /--cni-conf-dir/ });
  });
});

describe('the CNI plugin on a node', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'sluice-cni-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it('is copied where it is not, or another version, and as loopback where the node has none', async () => {
    const from = join(dir, 'from');
    const bin = join(dir, 'bin');
    const version = (number: number) => `sluice-cni is a CNI plugin, ${number}`;
    writeFileSync(from, version(1), { mode: 0o600 });
    assert.deepEqual([await placePlugin(bin, from), await placePlugin(bin, from)], [['sluice-cni', 'loopback'], []]);
    assert.equal(statSync(join(bin, 'sluice-cni')).mode & 0o777, 0o755);
    writeFileSync(from, version(2));
    assert.deepEqual(await placePlugin(bin, from), ['sluice-cni', 'loopback']);
    assert.deepEqual(await placedPlugins(bin), [join(bin, 'sluice-cni'), join(bin, 'loopback')]);
    assert.equal(readFileSync(join(bin, 'loopback'), 'utf8'), version(2));
    writeFileSync(join(bin, 'loopback'), 'of the distribution');
    writeFileSync(from, version(3));
    assert.deepEqual(await placePlugin(bin, from), ['sluice-cni']);
    assert.equal(readFileSync(join(bin, 'loopback'), 'utf8'), 'of the distribution');
    assert.deepEqual(readdirSync(bin).sort(), ['loopback', 'sluice-cni']);
    assert.deepEqual(await placedPlugins(bin), [join(bin, 'sluice-cni')]);
    assert.deepEqual(await placedPlugins(join(dir, 'nowhere')), []);
  });

  it('that is missing is a fault', async () => {
    await assert.rejects(placePlugin(dir, join(dir, 'none')), { code: 'CNI_PLUGIN' });
  });
});

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Fault } from '../../lib/fault.ts';
import { createLog } from '../../lib/log.ts';
import { startMetrics } from '../../telemetry/metrics.ts';
import { AgentIpam, type AgentIpamOptions } from './agent-ipam.ts';
import { observeIpam } from './ipam-metrics.ts';

const log = createLog({ level: 'silent', format: 'json' });
const script = join(import.meta.dirname, 'testing/allocating-process.ts');

describe('IPAM of the agent', () => {
  let directory: string;
  let path: string;
  const opened: AgentIpam[] = [];
  const children: ChildProcess[] = [];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'sluice-ipam-'));
    path = join(directory, 'state', 'addresses');
  });
  afterEach(() => {
    for (const ipam of opened.splice(0)) ipam.close();
    for (const child of children.splice(0)) child.kill('SIGKILL');
    rmSync(directory, { recursive: true });
  });
  const open = (options: Partial<AgentIpamOptions> = {}): AgentIpam => {
    const ipam = new AgentIpam({
      mode: 'cluster-pool-v2beta',
      families: [4],
      path,
      bootId: 'boot',
      log,
      ...options,
    });
    opened.push(ipam);
    return ipam;
  };

  it('waits for the first Pod CIDR, and for another one when all are full', async () => {
    const ipam = open();
    const first = ipam.allocate('a', [4]);
    ipam.setPodCidrs({ podCidrs: ['10.0.0.0/32'] });
    assert.deepEqual(await first, { owner: 'a', ipv4: '10.0.0.0' });
    const second = ipam.allocate('b', [4]);
    ipam.setPodCidrs({ podCidrs: ['10.0.0.0/32', '10.0.1.0/32'] });
    assert.deepEqual(await second, { owner: 'b', ipv4: '10.0.1.0' });
    const third = ipam.allocate('c', [4]);
    ipam.release('a');
    assert.deepEqual(await third, { owner: 'c', ipv4: '10.0.0.0' });
  });

  it('waits for those of a Node that has just been registered', async () => {
    const ipam = open({ mode: 'kubernetes' });
    ipam.setPodCidrs({ podCidrs: [] });
    const allocation = ipam.allocate('a', [4]);
    ipam.setPodCidrs({ podCidrs: ['10.0.0.0/24'] });
    assert.deepEqual(await allocation, { owner: 'a', ipv4: '10.0.0.1' });
  });

  it('says what is missing, and where to look: at once where nothing can come', async () => {
    const ipam = open({ mode: 'kubernetes' });
    ipam.setPodCidrs({ podCidrs: ['10.0.0.0/32'] });
    await ipam.allocate('a', [4]);
    const fault = await ipam.allocate('b', [4]).catch((error: unknown) => error as Fault);
    assert.ok(fault instanceof Fault);
    assert.equal(fault.code, 'IPAM_EXHAUSTED');
    assert.equal(fault.message, 'allocate an IPv4 address for b: 10.0.0.0/32: every address is taken');
    assert.match(fault.hint ?? '', /spec\.podCIDRs/);
  });

  it('ends a wait with its signal, and with its own end', async () => {
    const ipam = open({ patience: 60_000 });
    const abort = new AbortController();
    const one = assert.rejects(ipam.allocate('a', [4], { signal: abort.signal }), /enough/);
    abort.abort(new Error('enough'));
    await one;
    const other = assert.rejects(ipam.allocate('b', [4]), { code: 'IPAM_EXHAUSTED' });
    ipam.close();
    await other;
  });

  it('tells when Pod CIDRs are other ones, or ask for more, and is silent else', async () => {
    const ipam = open();
    let told = 0;
    ipam.observe(() => told++);
    ipam.setPodCidrs({ podCidrs: ['10.0.0.0/28'] });
    assert.equal(told, 1);
    for (let i = 0; i < 6; i++) await ipam.allocate(`p${i}`, [4]);
    assert.equal(told, 1);
    await ipam.allocate('p6', [4]);
    assert.equal(told, 2);
    assert.deepEqual(ipam.podCidrStatuses(), { '10.0.0.0/28': 'depleted' });
    ipam.setPodCidrs({ podCidrs: ['10.0.0.0/28'] });
    assert.equal(told, 2);
  });

  it('counts addresses and Pod CIDRs for metrics', async () => {
    const ipam = open();
    ipam.setPodCidrs({ podCidrs: ['10.0.0.0/27', '10.0.0.32/27'] });
    ipam.restored([]);
    for (const owner of ['a', 'b']) await ipam.allocate(owner, [4]);
    const metrics = startMetrics();
    observeIpam(metrics.meter, ipam);
    const lines = (await metrics.prometheus()).split('\n').filter((line) => /^sluice_ipam/.test(line));
    assert.deepEqual(lines.map((line) => line.replace(/,?otel_scope[^,}]*/g, '')).sort(), [
      'sluice_ipam_addresses{family="ipv4",state="free"} 28',
      'sluice_ipam_addresses{family="ipv4",state="used"} 2',
      'sluice_ipam_pod_cidrs{family="ipv4",status="depleted"} 0',
      'sluice_ipam_pod_cidrs{family="ipv4",status="in-use"} 1',
      'sluice_ipam_pod_cidrs{family="ipv4",status="released"} 1',
    ]);
    await metrics.close();
  });

  it('gives no Pod CIDR back before it is known which endpoints live on', () => {
    const ipam = open();
    ipam.setPodCidrs({ podCidrs: ['10.0.0.0/27', '10.0.0.32/27'] });
    assert.equal(ipam.podCidrStatuses()['10.0.0.32/27'], 'in-use');
    ipam.restored([]);
    assert.equal(ipam.podCidrStatuses()['10.0.0.32/27'], 'released');
  });

  it('forgets addresses with the boot that they were of, and no Pod CIDR that was given back', async () => {
    const ipam = open();
    ipam.setPodCidrs({ podCidrs: ['10.0.0.0/27', '10.0.0.32/27'] });
    await ipam.allocate('a', [4]);
    ipam.restored(['a']);
    ipam.close();
    const again = open({ bootId: 'another' });
    again.setPodCidrs({ podCidrs: ['10.0.0.0/27', '10.0.0.32/27'] });
    assert.equal(again.ownerOf('10.0.0.1'), undefined);
    assert.equal(again.podCidrStatuses()['10.0.0.32/27'], 'released');
  });

  it('goes on where lines of its record were destroyed', async () => {
    const ipam = open();
    ipam.setPodCidrs({ podCidrs: ['10.0.0.0/24'] });
    await ipam.allocate('a', [4]);
    appendFileSync(path, 'garbage\n{"op":"take"}\n{"op":"take","address":"10.0.0.300","owner":"x"}\n');
    const again = open();
    assert.equal(again.ownerOf('10.0.0.1'), 'a');
    assert.equal(again.dump().allocations.length, 1);
  });

  it('keeps its record short', async () => {
    const ipam = open();
    ipam.setPodCidrs({ podCidrs: ['10.0.0.0/24'] });
    for (let i = 0; i < 3000; i++) {
      await ipam.allocate('a', [4]);
      ipam.release('a');
    }
    assert.ok(statSync(path).size < 200_000, `${statSync(path).size} bytes`);
    assert.ok(readFileSync(path, 'utf8').startsWith('{"version":1,"boot":"boot"}\n'));
  });

  it('loses nothing that it has answered when it is killed, and gives nothing to two', async function () {
    this.timeout(60_000);
    const heard = new Heard();
    for (let round = 1; round <= 6; round++) {
      const child = spawn(process.execPath, [script, path, String(round)], { stdio: ['ignore', 'pipe', 'inherit'] });
      children.push(child);
      await heard.follow(child, () => {
        if (heard.answers === round * 400) child.kill('SIGKILL');
      });
      assert.equal(heard.faults, 0);
      const ipam = open({ mode: 'kubernetes', families: [4, 6] });
      heard.check(ipam);
      // The Pods of half of them have lived through it.
      const kept = [...new Set(heard.alive.values())].filter((_, i) => i % 2 === 0);
      ipam.restored(kept);
      for (const [address, owner] of heard.alive) if (!kept.includes(owner)) heard.alive.delete(address);
      assert.equal(ipam.dump().allocations.length, heard.alive.size);
      ipam.close();
    }
  });

  it('gives nothing out that cannot be written down, and goes on when there is room again', async function () {
    this.timeout(60_000);
    const child = spawn('prlimit', ['--fsize=4000:', process.execPath, script, path, '7'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    const heard = new Heard();
    let full = 0;
    await heard.follow(child, () => {
      if (heard.faults === 50 && full === 0) {
        full = heard.answers;
        spawnSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited:']);
      }
      if (full > 0 && heard.answers === full + 100) child.kill('SIGKILL');
    });
    assert.deepEqual([...heard.codes], ['IPAM_RECORD']);
    heard.check(open({ mode: 'kubernetes', families: [4, 6] }));
  });
});

/** What a process that gives out addresses has said. */
class Heard {
  /** Address to owner. */
  readonly alive = new Map<string, string>();
  readonly codes = new Set<string>();
  answers = 0;
  faults = 0;
  /** Whose release was announced last, until it is answered. */
  #releasing: string | undefined;

  async follow(child: ChildProcess, onLine: () => void): Promise<void> {
    for await (const line of createInterface({ input: child.stdout! })) {
      this.#hear(line);
      onLine();
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    assert.equal(child.signalCode, 'SIGKILL');
  }

  /** What is on disk is what was said, but for one thing that was under way. */
  check(ipam: AgentIpam): void {
    const there = new Map(ipam.dump().allocations.map(({ address, owner }) => [address, owner]));
    const releasing = this.#releasing;
    this.#releasing = undefined;
    for (const [address, owner] of this.alive) {
      if (owner === releasing && !there.has(address)) this.alive.delete(address);
      else assert.equal(there.get(address), owner, address);
    }
    const more = [...there].filter(([address]) => !this.alive.has(address));
    // One more allocation, whole.
    assert.ok(more.length === 0 || (more.length === 2 && releasing === undefined), `${more} as well`);
    assert.equal(new Set(more.map(([, owner]) => owner)).size, more.length / 2);
    for (const [address, owner] of more) this.alive.set(address, owner);
  }

  #hear(line: string): void {
    const [sign, ...words] = line.split(' ');
    const [owner = ''] = words.slice(-1);
    if (sign === '~') {
      this.#releasing = owner;
      return;
    }
    this.#releasing = undefined;
    if (sign === '!') {
      this.faults++;
      this.codes.add(owner);
      return;
    }
    this.answers++;
    if (sign === '-') {
      for (const [address, each] of this.alive) if (each === owner) this.alive.delete(address);
      return;
    }
    for (const address of words.slice(0, 2)) {
      assert.equal(this.alive.get(address), undefined, `${address} is given to ${owner} as well`);
      this.alive.set(address, owner);
    }
  }
}

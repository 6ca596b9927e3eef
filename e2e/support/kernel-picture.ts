import { execFileSync } from 'node:child_process';
import { readdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { endpoint } from '../../src/gen/abi.ts';
import type { LabNode } from './datapath-rig.ts';

export interface RawEntry {
  readonly key: readonly string[];
  readonly value: readonly string[];
}

const maps = ['config', 'endpoints', 'local_addresses', 'ipcache4', 'ipcache6'] as const;

/** What a node has in the kernel, by tools that are not ours: to be compared, and to be spoilt. */
export class KernelPicture {
  readonly #node: LabNode;

  constructor(node: LabNode) {
    this.#node = node;
  }

  /** All that the agent keeps there, as a text; counters and conntrack left out. */
  take(): string {
    const { netns, bpffs } = this.#node;
    const links = JSON.parse(netns.ip('-json', 'link')) as { ifname: string; flags: string[]; ifindex: number }[];
    const filters = links.map(({ ifname }) =>
      ['ingress', 'egress'].map(
        (side) => `${ifname} ${side} ${/id \d+/.exec(this.#filters(ifname, side))?.[0] ?? 'none'}`,
      ),
    );
    return JSON.stringify(
      {
        maps: Object.fromEntries(maps.map((name) => [name, this.entries(name).map(textOf).sort()])),
        policies: this.#policies().map(({ id, map }) => {
          // Of the value the verdict alone: what follows is counted.
          const rules = (map === undefined ? [] : this.#dump('id', `${map}`)).map(
            (one) => `${one.key.join('')} ${one.value[0]}`,
          );
          return `${id} ${rules.sort()}`;
        }),
        links: links.map(({ ifname, flags }) => `${ifname} ${flags.includes('UP')}`),
        filters,
        pins: readdirSync(`${bpffs}/links`).map((name) => `${name} ${this.#linkProgram(name)}`),
        routes: ['-4', '-6'].map((family) => netns.ip(family, 'route', 'show').split('\n').sort()),
        neighbours: netns.ip('neigh', 'show', 'nud', 'permanent').split('\n').sort(),
      },
      undefined,
      1,
    );
  }

  entries(map: string): readonly RawEntry[] {
    return this.#dump('pinned', join(this.#node.bpffs, map));
  }

  /** @param id as the map of maps has it */
  isEmpty(id: number): boolean {
    return this.#dump('id', `${id}`).length === 0;
  }

  delete(map: string, key: readonly string[]): void {
    bpftool('map', 'delete', 'pinned', join(this.#node.bpffs, map), 'key', ...key);
  }
  empty(map: string): void {
    for (const { key } of this.entries(map)) this.delete(map, key);
  }
  emptyPolicies(): void {
    for (const { map } of this.#policies())
      for (const { key } of this.#dump('id', `${map}`)) bpftool('map', 'delete', 'id', `${map}`, 'key', ...key);
  }
  zero(map: string): void {
    const [entry] = this.entries(map);
    const value = entry!.value.map(() => '0');
    bpftool('map', 'update', 'pinned', join(this.#node.bpffs, map), 'key', ...entry!.key, 'value', ...value);
  }
  /** Under a key that nobody has. */
  set(map: string, value: readonly string[]): void {
    const key = ['0xff', '0xff', '0xff', '0x7f'];
    bpftool('map', 'update', 'pinned', join(this.#node.bpffs, map), 'key', ...key, 'value', ...value);
  }

  detachLinks(): void {
    for (const name of this.#pins()) bpftool('link', 'detach', 'pinned', name);
  }
  unpinLinks(): void {
    for (const name of this.#pins()) unlinkSync(name);
  }

  /** Those that endpoints point at: the agent keeps a few besides, for policies to come. */
  #policies(): { readonly id: number; readonly map: number | undefined }[] {
    const maps = new Map(this.entries('policies').map(({ key, value }) => [numberOf(key), numberOf(value)]));
    const used = new Set(this.entries('endpoints').map(({ value }) => numberOf(value, endpoint.offsets.policyId)));
    return [...used].sort((a, b) => a - b).map((id) => ({ id, map: maps.get(id) }));
  }
  #pins(): string[] {
    const directory = join(this.#node.bpffs, 'links');
    return readdirSync(directory).map((name) => join(directory, name));
  }
  #linkProgram(name: string): string {
    const text = bpftool('-j', 'link', 'show', 'pinned', join(this.#node.bpffs, 'links', name));
    const { ifindex, devname, prog_id: program } = JSON.parse(text) as Record<string, unknown>;
    return `${devname ?? ifindex} ${program}`;
  }
  #filters(device: string, side: string): string {
    return this.#node.netns.run('tc', 'filter', 'show', 'dev', device, side);
  }
  #dump(...which: string[]): readonly RawEntry[] {
    return JSON.parse(bpftool('-j', 'map', 'dump', ...which)) as RawEntry[];
  }
}

function textOf({ key, value }: RawEntry): string {
  return `${key.join('')} ${value.join('')}`;
}

function bpftool(...args: string[]): string {
  return execFileSync('bpftool', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function numberOf(bytes: readonly string[], at = 0): number {
  return Buffer.from(bytes.map(Number)).readUInt32LE(at);
}

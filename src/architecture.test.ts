import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** The rooms, in the order of ARCHITECTURE.md's table: each imports only from those above it. */
const rooms = [
  'lib',
  'gen',
  'api',
  'kube',
  'sources',
  'store',
  'mesh/model',
  'mesh/inputs',
  'mesh/backend',
  'mesh/ingress',
  'mesh/gateway',
  'mesh/envoy',
  'mesh/envoyconfig',
  'network/lb-ipam',
  'network/identity',
  'network/policy',
  'network/ipam',
  'network/endpoint',
  'network/routing',
  'xds',
  'proxy',
  'datapath',
  'cni',
  'flows',
  'telemetry',
  'status',
  'agent',
  'operator',
  'install',
  'cli',
] as const;

/** May be imported by tests of any room. */
const isTest = (file: string) => file.endsWith('.test.ts') || file.includes('/testing/') || file.startsWith('testing/');

function roomOf(file: string): number {
  return rooms.findIndex((room) => file === `${room}.ts` || file.startsWith(`${room}/`));
}

describe('architecture', () => {
  const files = globSync('**/*.ts', { cwd: 'src' }).filter((file) => !file.startsWith('gen/') && !isTest(file));

  it('every file stands in a room', () => {
    assert.deepEqual(
      files.filter((file) => roomOf(file) < 0),
      [],
    );
  });

  it('a room imports only from rooms above it', () => {
    const wrong: string[] = [];
    for (const file of files) {
      const text = readFileSync(join('src', file), 'utf8');
      for (const [, target] of text.matchAll(/(?:from|import\() ?'(\.[^']+)'/g)) {
        const imported = normalize(join(dirname(file), target as string));
        if (roomOf(imported) > roomOf(file)) wrong.push(`${file} imports ${imported}`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  it('ARCHITECTURE.md lists the rooms in this order', () => {
    const text = readFileSync('ARCHITECTURE.md', 'utf8');
    const listed = [...text.matchAll(/^\| `src\/([^`]+?)\/?` \|/gm)].map((match) => match[1]?.replace(/\.ts$/, ''));
    assert.deepEqual(listed, rooms);
  });

  it('no file is longer than 400 lines', () => {
    const long = globSync('**/*.ts', { cwd: 'src' })
      .filter((file) => !file.startsWith('gen/'))
      .map((file) => ({ file, lines: readFileSync(join('src', file), 'utf8').split('\n').length }))
      .filter(({ lines }) => lines > 401);
    assert.deepEqual(long, []);
  });
});

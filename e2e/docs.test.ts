import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { buildProgram } from '../src/cli/main.ts';
import { supportedFeatures } from '../src/mesh/gateway/features.ts';
import { freePort, temporaryDir } from './support/proxy-rig.ts';
import { outcome, root, type SluiceRun, sluice, startSluice, userEnv } from './support/sluice-cli.ts';

/**
 * A fenced block of README.md. The words after `sh` say how it is tested: nothing (run, in order), `background` (a command that
 * runs on until the test ends), or `skip: reason`. A `text` block after a tested one holds lines that its output begins so.
 */
interface Block {
  readonly language: string;
  readonly how: string;
  readonly text: string;
}

const readme = readFileSync(join(root, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```(\w*) ?(.*)\n([\s\S]*?)^```$/gm)].map(
  ([, language, how, text]): Block => ({ language: language ?? '', how: how ?? '', text: text ?? '' }),
);

describe('README', () => {
  let dir: ReturnType<typeof temporaryDir>;
  let copy: string;
  let run: SluiceRun | undefined;
  let env: NodeJS.ProcessEnv;
  /** The README's ports and paths, and what stands for them here. */
  let local: Map<string, string>;

  before(async () => {
    dir = temporaryDir();
    copy = join(dir.path, 'my-mesh');
    local = new Map([['/tmp/my-mesh', copy]]);
    for (const port of ['8080', '8443', '8090', '9964']) local.set(`:${port}`, `:${await freePort()}`);
    env = userEnv({ SLUICE_STATE_DIR: join(dir.path, 'state'), NO_UPDATE_NOTIFIER: '1' });
  });
  after(async () => {
    await run?.interrupt();
    dir[Symbol.dispose]();
  });

  const here = (text: string) => [...local].reduce((all, [there, instead]) => all.replaceAll(there, instead), text);

  /** What the copy listens on, so that it is in nobody's way on this machine. */
  const adapt = () => {
    for (const name of readdirSync(copy)) {
      const file = join(copy, name);
      const text = readFileSync(file, 'utf8');
      const port = local.get(':8090')?.slice(1) ?? '';
      writeFileSync(
        file,
        text.replaceAll('127.0.10.', `127.1.${process.pid % 250}.`).replace(/port: 8090/g, `port: ${port}`),
      );
    }
  };

  blocks.forEach((block, at) => {
    if (block.language !== 'sh') return;
    const [first = ''] = block.text.split('\n');
    const expected = blocks[at + 1];
    const lines = expected?.language === 'text' ? expected.text.trimEnd().split('\n') : [];
    if (block.how.startsWith('skip: ')) {
      it(`names an existing test for: ${first}`, () => {
        const test = /\be2e\/[\w-]+\.test\.ts\b/.exec(block.how)?.[0];
        assert.ok(test !== undefined && existsSync(join(root, test)), block.how);
      });
    } else if (block.how === 'background') {
      it(`starts: ${first}`, async () => {
        adapt();
        const words = here(first).split(' ');
        assert.deepEqual(words.slice(0, 3), ['npx', 'sluice', 'run']);
        const flag = (name: string, port: string) => [name, local.get(port)?.slice(1) ?? ''];
        const metrics = ['--metrics-address', `127.0.0.1${local.get(':9964')}`];
        run = startSluice(
          [...words.slice(3), ...flag('--http-port', ':8080'), ...flag('--https-port', ':8443'), ...metrics],
          env,
        );
        await run.until(/^Ready after/m);
      });
    } else {
      it(`runs: ${first}`, async () => {
        assert.equal(block.how, '');
        const { code, stdout, stderr } = await outcome('bash', ['-euc', here(block.text)], env);
        assert.equal(code, 0, stderr);
        const printed = `${stdout}\n${stderr}`.split('\n');
        for (const line of lines) {
          const wanted = here(line);
          assert.ok(
            printed.some((each) => each.trim().startsWith(wanted.trim())),
            `${wanted}\nis not in\n${printed.join('\n')}`,
          );
        }
      });
    }
  });

  it('lists exactly the Gateway API features that we claim', () => {
    const table = /### Gateway API features\n([\s\S]*?)\nNot supported/.exec(readme)?.[1] ?? '';
    const rows = [...table.matchAll(/^\| (.+) \| `(.+)` \|$/gm)];
    assert.deepEqual(rows.flatMap(([, names]) => (names ?? '').split(', ')).sort(), [...supportedFeatures].sort());
    for (const [, , file = ''] of rows) assert.ok(existsSync(join(root, file)), file);
  });

  it('lists the commands, and options that there are', () => {
    const program = buildProgram();
    const described = new Set([...readme.matchAll(/^\| `sluice ([\w-]+)/gm)].map(([, name]) => name));
    assert.deepEqual([...described].sort(), program.commands.map((command) => command.name()).sort());
    const every = (commands: readonly Command[]): Command[] =>
      commands.flatMap((command) => [command, ...every(command.commands)]);
    const options = every(program.commands).flatMap((command) => command.options.map((option) => option.long));
    for (const [flag] of readme.matchAll(/--[a-z][\w-]+/g)) {
      if (flag.startsWith('--no-') || flag === '--help') continue;
      assert.ok(options.includes(flag), `README.md: ${flag}`);
    }
  });

  for (const file of [
    'README.md',
    'ARCHITECTURE.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'e2e/bench/RESULTS.md',
    'manifests/README.md',
  ]) {
    it(`links only to what is there: ${file}`, () => {
      const text = readFileSync(join(root, file), 'utf8');
      for (const [, target] of text.matchAll(/\]\(([^)]+)\)/g)) {
        if (target === undefined || /^https?:/.test(target)) continue;
        const [path = '', anchor] = target.split('#');
        const linked = join(root, dirname(file), path);
        assert.ok(path === '' || existsSync(linked), `${file}: ${target}`);
        if (anchor === undefined) continue;
        const headings = [...(path === '' ? text : readFileSync(linked, 'utf8')).matchAll(/^#+ (.+)$/gm)];
        const anchors = headings.map(([, title]) => (title ?? '').toLowerCase().replaceAll(' ', '-'));
        assert.ok(anchors.includes(anchor), `${file}: ${target}`);
      }
    });
  }
});

describe('Examples', () => {
  const examples = readdirSync(join(root, 'examples'));

  for (const example of examples) {
    it(`${example} is without a finding`, async () => {
      const { code, stdout, stderr } = await outcome(sluice, ['validate', '--strict', `examples/${example}`]);
      assert.equal(code, 0, stdout);
      assert.match(stderr, /^[1-9]\d* objects in [1-9]\d* files: 0 errors, 0 warnings$/m);
    });

    it(`${example} serves something, and has a CiliumEnvoyConfig`, async () => {
      const table = await outcome(sluice, ['translate', `examples/${example}`, '--type', 'listeners']);
      assert.match(table.stdout, /^listeners +\S/m);
      const cec = await outcome(sluice, ['translate', `examples/${example}`, '-o', 'cec']);
      assert.match(cec.stdout, /^kind: CiliumEnvoyConfig$/m);
      assert.doesNotMatch(cec.stdout, /PRIVATE KEY/);
    });
  }

  it('are all named in README.md', () => {
    for (const example of examples) assert.ok(readme.includes(`examples/${example}`), example);
  });
});

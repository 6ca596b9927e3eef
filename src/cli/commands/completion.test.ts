import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { buildProgram } from '../main.ts';
import { completionScript } from './completion.ts';

const program = buildProgram();

/** What bash offers for a command line whose last word is being typed. */
function offers(...words: string[]): string[] {
  const script = `${completionScript(program, 'bash')}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _sluice; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', ...words], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  assert.equal(stderr, '');
  return stdout.split('\n').filter((line) => line !== '');
}

describe('completion', () => {
  it('offers commands', () => {
    const commands = program.commands.map((command) => command.name());
    assert.deepEqual(offers('sluice', '').sort(), [...commands, '--help', '--version'].sort());
    assert.deepEqual(offers('sluice', 'tr'), ['translate']);
    assert.deepEqual(offers('sluice', 'nothing'), []);
  });

  it('offers every option of a command', () => {
    for (const command of program.commands.filter(({ options }) => options.length > 0)) {
      const flags = command.options.map((option) => option.long);
      assert.deepEqual(offers('sluice', command.name(), '--').sort(), flags.sort());
    }
  });

  it('offers the commands of a command, their options and values', () => {
    for (const command of program.commands.filter(({ commands }) => commands.length > 0)) {
      const names = command.commands.map((inner) => inner.name());
      assert.deepEqual(offers('sluice', command.name(), '').sort(), names.sort());
      for (const inner of command.commands) {
        const flags = inner.options.map((option) => option.long);
        assert.deepEqual(offers('sluice', command.name(), inner.name(), '--').sort(), flags.sort());
      }
    }
    assert.deepEqual(offers('sluice', 'endpoint', 'list', '-o', 'j'), ['json', 'jsonpath=']);
    assert.deepEqual(offers('sluice', 'monitor', '--type', 'dr'), ['drop']);
  });

  it('offers the values of an option, and of an argument', () => {
    assert.deepEqual(offers('sluice', 'status', '--output', ''), ['table', 'yaml', 'json']);
    assert.deepEqual(offers('sluice', 'translate', '-o', 'c'), ['cec']);
    assert.deepEqual(offers('sluice', 'run', '--otlp-protocol', 'g'), ['grpc']);
    assert.deepEqual(offers('sluice', 'completion', ''), ['bash', 'zsh', 'fish']);
  });

  it('offers files elsewhere', () => {
    assert.deepEqual(offers('sluice', 'validate', 'package.j'), ['package.json']);
  });

  it('knows every command and option in each shell', () => {
    for (const shell of ['bash', 'zsh', 'fish'] as const) {
      const script = completionScript(program, shell);
      for (const command of program.commands) {
        assert.ok(script.includes(command.name()), `${shell}: ${command.name()}`);
        for (const { long } of [command, ...command.commands].flatMap(({ options }) => options)) {
          const written = shell === 'fish' ? `-l ${long?.slice(2)} ` : (long ?? '');
          assert.ok(script.includes(written), `${shell}: ${long}`);
        }
        for (const inner of command.commands)
          assert.ok(script.includes(shell === 'fish' ? `-a ${inner.name()} ` : `${command.name()} ${inner.name()}`));
      }
    }
  });
});

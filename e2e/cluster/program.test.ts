import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildProgram } from './program.ts';

describe('npm run cluster', () => {
  const program = buildProgram();
  const commands = program.commands.map((command) => command.name());

  it('has every command and option that its README and its help show', () => {
    let help = '';
    program.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    const shown = [readFileSync(join(import.meta.dirname, 'README.md'), 'utf8'), help]
      .flatMap((text) => [...text.matchAll(/npm run (?:-s )?cluster -- ([a-z]+)([^#\n`]*)/g)])
      .map(([, name = '', rest = '']) => ({
        name,
        flags: rest.split(' -- ')[0]?.match(/(?<=\s)--?[a-z][a-z-]*/g) ?? [],
      }));
    assert.ok(shown.length > 10);
    for (const { name, flags } of shown) {
      const command = program.commands.find((each) => each.name() === name);
      assert.ok(command, `${name} is none of ${commands.join(', ')}`);
      if (name === 'kubectl') continue;
      for (const flag of flags)
        assert.ok(
          command.options.some((option) => option.short === flag || option.long === flag),
          `${name} ${flag}`,
        );
    }
  });

  it('says what every command is for', () => {
    for (const command of program.commands) assert.match(command.description(), /\w/, command.name());
  });
});

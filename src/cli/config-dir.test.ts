import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { port } from './arguments.ts';
import { applyConfigDir } from './config-dir.ts';

describe('a folder of options', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'sluice-config-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  function parse(files: Record<string, string>, ...args: string[]): Record<string, unknown> {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
    const command = new Command('x')
      .option('--http-port <port>', '', port, 8080)
      .option('--no-enforce-https', '')
      .option('--host-network', '')
      .addOption(new Option('--log-level <level>', '').choices(['info', 'warn']).default('warn'))
      .option('--name <name>', '');
    command.parse(['node', 'x', ...args]);
    applyConfigDir(command, dir, () => {});
    return command.opts();
  }

  it('sets what the command line does not', () => {
    mkdirSync(join(dir, '..data'));
    const files = {
      'http-port': '80\n',
      'enforce-https': 'false',
      'host-network': 'true',
      'log-level': 'info',
      name: 'a',
      other: '1',
    };
    assert.deepEqual(parse(files, '--name', 'b', '--http-port', '81'), {
      ...{ httpPort: 81, enforceHttps: false, hostNetwork: true, logLevel: 'info', name: 'b' },
    });
  });

  it('names the file that is wrong', () => {
    for (const [name, text, hint] of [
      ['http-port', 'eighty', /65535/],
      ['enforce-https', 'no', /true or false/],
      ['log-level', 'loud', /info, warn/],
    ] as const) {
      assert.throws(
        () => parse({ [name]: text }),
        (error: { code: string; message: string; hint: string }) => {
          assert.equal(error.code, 'CONFIG_VALUE');
          assert.ok(error.message.includes(join(dir, name)));
          assert.match(error.hint, hint);
          return true;
        },
      );
      rmSync(join(dir, name));
    }
    assert.throws(() => applyConfigDir(new Command('x'), join(dir, 'none')), { code: 'CONFIG_DIR' });
  });

  it('warns of a file that no command knows, by its name, and not of another command’s', () => {
    for (const name of ['concurency', 'identity', 'name']) writeFileSync(join(dir, name), 'x');
    const program = new Command('sluice');
    program.command('operator').option('--identity <name>', '');
    const command = program.command('agent').option('--name <name>', '');
    const warnings: string[] = [];
    applyConfigDir(command, dir, (warning) => warnings.push(warning));
    assert.deepEqual(warnings, [`${join(dir, 'concurency')} is no option of sluice, and has no effect`]);
    assert.equal(command.opts().name, 'x');
  });

  it('comes after the environment', () => {
    writeFileSync(join(dir, 'node-name'), 'file');
    const command = new Command('x').addOption(new Option('--node-name <name>').env('PATH').default('none'));
    command.parse(['node', 'x']);
    applyConfigDir(command, dir);
    assert.equal(command.opts().nodeName, process.env.PATH);
  });
});

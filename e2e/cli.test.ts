import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { freePort, temporaryDir } from './support/proxy-rig.ts';
import { outcome, sluice, startSluice, userEnv } from './support/sluice-cli.ts';

const run = (...args: string[]) => outcome(sluice, args);

describe('sluice on a command line', () => {
  let dir: ReturnType<typeof temporaryDir>;
  before(() => {
    dir = temporaryDir();
  });
  after(() => dir[Symbol.dispose]());

  it('teaches: commands, examples, exit codes', async () => {
    const { code, stdout } = await run('--help');
    assert.equal(code, 0);
    for (const part of ['Examples:', 'Exit codes:', 'NO_COLOR', 'validate [options] <path...>'])
      assert.ok(stdout.includes(part), part);
    assert.match((await run('--version')).stdout, /^\d+\.\d+\.\d+\n$/);
  });

  it('ends with 2 on wrong usage, and says what would be right', async () => {
    const cases: [args: string[], said: RegExp][] = [
      [['rnu'], /unknown command 'rnu'\n\(Did you mean run\?\)/],
      [['run'], /missing required argument 'dir'/],
      [['run', 'x', '--http-prot', '1'], /Did you mean --http-port\?/],
      [['run', 'x', '--http-port', '99999'], /a port is a number from 1 to 65535/],
      [['run', 'x', '--metrics-address', 'localhost'], /address:port is needed, such as/],
      [['cleanup', '--await', 'sluice-cleanup'], /namespace\/name is needed, such as/],
      [['translate', 'x', '-o', 'xml'], /Allowed choices are table, yaml, json, cec/],
      [[], /Usage: sluice/],
    ];
    for (const [args, said] of cases) {
      const { code, stdout, stderr } = await run(...args);
      assert.equal(code, 2, args.join(' '));
      assert.match(stderr, said);
      assert.equal(stdout, '');
    }
  });

  it('ends with 1 where there is nothing to ask, and nothing to serve', async () => {
    const status = await run('status', '--state-dir', join(dir.path, 'none'));
    assert.equal(status.code, 1);
    assert.match(status.stderr, /\[AGENT_NOT_RUNNING\]\n {2}hint: start one with `sluice run DIR`/);
    const missing = await run('run', join(dir.path, 'nowhere'), '--state-dir', join(dir.path, 'none'));
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /there is no .*nowhere \[PATH_NOT_FOUND\]\n {2}hint: check the spelling/);
    const { code, stdout } = await run('validate', join(dir.path, 'nowhere'));
    assert.equal(code, 1);
    assert.match(stdout, /nowhere does not exist \[PathNotFound\]/);
  });

  it('serves an empty folder, says what to do, and picks up what comes', async () => {
    const folder = join(dir.path, 'empty');
    mkdirSync(folder);
    const flags = ['--http-port', '--https-port'].map(async (flag) => [flag, String(await freePort())]);
    const stateDir = join(dir.path, 'state');
    const where = ['--state-dir', stateDir, '--metrics-address', 'off', '--log-format', 'text'];
    const node = startSluice([folder, ...(await Promise.all(flags)).flat(), ...where]);
    try {
      await node.until(/^Ready after/m);
      assert.match(node.stdout(), /Nothing is served yet\. Put Kubernetes YAML/);
      writeFileSync(
        join(folder, 'a.yaml'),
        'apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80}]}\n',
      );
      await node.until(/Service default\/a changed, in force after [\d.]+ ms\n/);
      writeFileSync(
        join(folder, 'b.yaml'),
        'apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRout\nmetadata: {name: b}\n',
      );
      await node.until(/b\.yaml:\d+:\d+: \w+: .*HTTPRout.*\n {2}hint: /);
    } finally {
      assert.deepEqual(await node.interrupt(), { code: 0, signal: null });
    }
  });

  it('translates to tables, YAML, JSON and CiliumEnvoyConfigs, and shows no private key', async () => {
    const path = 'examples/quickstart';
    const table = await run('translate', path);
    assert.match(table.stdout, /^LISTENER +HOST +MATCH +TO +FROM\n/);
    const resources = JSON.parse((await run('translate', path, '-o', 'json')).stdout) as { '@type': string }[];
    const yaml = loadAll((await run('translate', path, '-o', 'yaml')).stdout)[0];
    assert.deepEqual(yaml, resources);
    const kinds = new Set(resources.map((resource) => resource['@type'].split('.').at(-1)));
    for (const kind of ['Listener', 'RouteConfiguration', 'Cluster', 'ClusterLoadAssignment', 'Secret'])
      assert.ok(kinds.has(kind), kind);
    const secrets = await run('translate', path, '-o', 'yaml', '--type', 'secrets');
    assert.match(secrets.stdout, /private_key:\n +inline_string: <not shown>/);
    const configs = loadAll((await run('translate', path, '-o', 'cec')).stdout) as { kind: string }[];
    assert.deepEqual(
      configs.map(({ kind }) => kind),
      configs.map(() => 'CiliumEnvoyConfig'),
    );
    assert.equal(configs.length, 4);
  });

  it('validates for machines too', async () => {
    const file = join(dir.path, 'bad.yaml');
    writeFileSync(file, 'apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 0}]}\n');
    const { code, stdout } = await run('validate', file, '-o', 'json');
    assert.equal(code, 1);
    const [finding] = JSON.parse(stdout) as { severity: string; location: object; hint: string }[];
    assert.deepEqual([finding?.severity, finding?.location], ['error', { file, line: 4, column: 23 }]);
    assert.ok(finding?.hint);
    assert.deepEqual(loadAll((await run('validate', file, '-o', 'yaml')).stdout)[0], JSON.parse(stdout));
  });

  it('validates policies, as the status of one in a cluster would say it', async () => {
    const file = join(dir.path, 'policy.yaml');
    const lines = [
      'apiVersion: cilium.io/v2',
      'kind: CiliumNetworkPolicy',
      'metadata: {name: a}',
      'spec:',
      '  endpointSelector: {}',
      '  ingress:',
      '  - toPorts: [{ports: [{port: "80"}], rules: {http: [{method: GET}]}}]',
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    const { code, stdout } = await run('validate', file);
    assert.equal(code, 1);
    assert.match(
      stdout,
      /policy\.yaml:7:\d+: error: CiliumNetworkPolicy default\/a: spec\.ingress\[0\]\.toPorts\[0\]\.ports\[0\]\.protocol is ANY/,
    );
    assert.match(stdout, /hint: write protocol: TCP/);
  });

  it('ends quietly when its reader has read enough', async () => {
    const { code, stdout, stderr } = await outcome(
      'bash',
      ['-c', `set -o pipefail; "${sluice}" translate examples/quickstart -o yaml | head -1`],
      userEnv(),
    );
    assert.deepEqual([code, stderr], [0, '']);
    assert.notEqual(stdout, '');
  });
});

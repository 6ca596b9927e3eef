import { readFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { Command } from 'commander';
import { Fault } from '../lib/fault.ts';
import { agentCommand } from './commands/agent.ts';
import { cleanupCommand } from './commands/cleanup.ts';
import { completionCommand } from './commands/completion.ts';
import { configCommand } from './commands/config.ts';
import { endpointCommand } from './commands/endpoint.ts';
import { envoyCommand } from './commands/envoy.ts';
import { identityCommand } from './commands/identity.ts';
import { installCommand } from './commands/install.ts';
import { installCniCommand } from './commands/install-cni.ts';
import { ipCommand } from './commands/ip.ts';
import { mapCommand } from './commands/map.ts';
import { metricsCommand } from './commands/metrics.ts';
import { monitorCommand } from './commands/monitor.ts';
import { nodeCommand } from './commands/node.ts';
import { operatorCommand } from './commands/operator.ts';
import { policyCommand } from './commands/policy.ts';
import { probeCommand } from './commands/probe.ts';
import { runCommand } from './commands/run.ts';
import { statusCommand } from './commands/status.ts';
import { translateCommand } from './commands/translate.ts';
import { uninstallCommand } from './commands/uninstall.ts';
import { validateCommand } from './commands/validate.ts';
import { styleFor } from './output/table.ts';

enableCompileCache();

export function buildProgram(): Command {
  const program = new Command('sluice')
    .description(
      'A folder of Kubernetes YAML (Ingress, Gateway API, CiliumEnvoyConfig) becomes a running mesh node: ' +
        '`sluice run` serves it with a real Envoy, without a cluster.',
    )
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'this text')
    .helpCommand('help [command]', 'help for a command')
    .showHelpAfterError('(see --help)')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  sluice run examples/quickstart         serve a folder; edits are in force as they are saved\n' +
        '  sluice translate k8s/ -o yaml          the Envoy resources that it would serve\n' +
        '  sluice validate --strict k8s/          what is wrong, for CI\n' +
        '  sluice translate k8s/ -o cec           the CiliumEnvoyConfigs that Ingresses and Gateways amount to\n' +
        '  sluice status                          health of the running node\n' +
        '  sluice install --wait                  into the cluster of your kubeconfig\n' +
        '  sluice monitor --type drop             packets that are dropped, why, and by which rule\n' +
        '\nExit codes:\n' +
        '  0  done, and nothing is wrong\n' +
        '  1  something is: an object (a diagnostic says where, why and what would be right), or the environment\n' +
        '  2  wrong usage\n' +
        '\nEnvironment:\n' +
        '  SLUICE_ENVOY      the Envoy to run, instead of the one on PATH or from `make setup`\n' +
        '  SLUICE_HELM       the Helm to run, instead of the one on PATH\n' +
        '  SLUICE_STATE_DIR  default of --state-dir\n' +
        '  NO_COLOR          no colour on a terminal',
    );
  runCommand(program);
  translateCommand(program);
  validateCommand(program);
  statusCommand(program);
  installCommand(program);
  uninstallCommand(program);
  operatorCommand(program);
  agentCommand(program);
  envoyCommand(program);
  endpointCommand(program);
  identityCommand(program);
  ipCommand(program);
  nodeCommand(program);
  policyCommand(program);
  mapCommand(program);
  monitorCommand(program);
  configCommand(program);
  metricsCommand(program);
  installCniCommand(program);
  cleanupCommand(program);
  probeCommand(program);
  completionCommand(program);
  return program;
}

export function version(): string {
  // The same distance from src/cli and from dist/cli.
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}

if (import.meta.main) {
  // A reader that closes early (`| head`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  try {
    await buildProgram().parseAsync();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const style = styleFor(process.stderr);
    process.stderr.write(`${style.red('sluice:')} ${error.message} [${error.code}]\n`);
    if (error.hint !== undefined) process.stderr.write(`  ${style.dim('hint:')} ${error.hint}\n`);
    process.exitCode = 1;
  }
}

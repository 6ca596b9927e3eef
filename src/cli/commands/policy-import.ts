import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { loadAll } from 'js-yaml';
import type { Policy } from '../../agent/rest/models/state.ts';
import { parsePolicyRules } from '../../api/index.ts';
import { Fault } from '../../lib/fault.ts';
import { isObject } from '../../lib/is-object.ts';
import { formatDiagnostics } from '../output/diagnostics.ts';
import { formatData } from '../output/format.ts';
import { styleFor } from '../output/table.ts';
import { askRest } from '../rest-client.ts';
import { type TargetFlags, targetOptions } from './rest-options.ts';

interface ImportFlags extends TargetFlags {
  readonly print?: boolean;
}
interface DeleteFlags extends TargetFlags {
  readonly all?: boolean;
}

/** `policy import` and `policy delete`: policies of one agent alone, besides those of objects. */
export function policyChangeCommands(group: Command): void {
  targetOptions(
    group.command('import').argument('<path>', 'a file, a folder of .json and .yaml files, or - for standard input'),
  )
    .option('--print', 'print the rules as the agent has them now')
    .summary('give rules to this agent alone')
    .description(
      'Gives rules to the running agent, besides those of objects: a list of rules, or one rule, each as the spec of a ' +
        'CiliumClusterwideNetworkPolicy with labels of its own; its selectors are not about pods alone. All of them are in force when it returns, on live connections too, or none is. ' +
        'They outlive restarts of the agent, and go with `policy delete`. Other nodes do not have them.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  sluice policy import deny.json\n' +
        '  echo \'[{"endpointSelector": {}, "ingress": [{"fromEntities": ["cluster"]}], "labels": [{"key": "name", "value": "closed"}]}]\' | sluice policy import -',
    )
    .action(async (path: string, flags: ImportFlags) => {
      const rules = readRules(path);
      const policy = await askRest<Policy>(flags, '/policy', { method: 'PUT', body: rules });
      if (policy === undefined) throw new Fault('AGENT_ANSWER', 'the agent takes no policies');
      if (flags.print === true) process.stdout.write(formatData(JSON.parse(policy.policy), 'json'));
      process.stdout.write(`Revision: ${policy.revision}\n`);
    });
  targetOptions(group.command('delete').argument('[labels...]', 'rules that have all of these labels'))
    .option('--all', 'all rules that this agent alone has')
    .summary('take back what was imported')
    .description(
      'Takes rules back that were imported into the running agent. Those of objects stay: delete the object instead.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  sluice policy delete name=closed\n  sluice policy delete sluice:policy=local-1\n  sluice policy delete --all',
    )
    .action(async (labels: string[], flags: DeleteFlags, command: Command) => {
      if (labels.length > 0 === (flags.all === true))
        command.error('error: name the labels of the rules to delete, or all with --all');
      const body = labels.length === 0 ? {} : { body: labels };
      const policy = await askRest<Policy>(flags, '/policy', { method: 'DELETE', ...body });
      if (policy === undefined)
        throw new Fault('NO_POLICY', `no rule has the labels ${labels.join(' ')}`, {
          hint: '`sluice policy list -o yaml` shows the labels of all rules',
        });
      process.stdout.write(`Revision: ${policy.revision}\n`);
    });
}

/** @throws Fault POLICY_FILE, POLICY_INVALID, after saying on standard error what is wrong with each */
function readRules(path: string): unknown[] {
  let isValid = true;
  const rules = filesOf(path).flatMap(({ name, text }) => {
    const raws = documentsOf(name, text).flat();
    const { diagnostics } = parsePolicyRules(raws);
    const style = styleFor(process.stderr);
    if (diagnostics.length > 0) process.stderr.write(`${style.bold(name)}:\n${formatDiagnostics(diagnostics, style)}`);
    isValid &&= diagnostics.every(({ severity }) => severity !== 'error');
    return raws;
  });
  if (!isValid) throw new Fault('POLICY_INVALID', 'nothing is imported');
  if (rules.length === 0) throw new Fault('POLICY_FILE', `${path}: there is no rule in it`);
  return rules;
}

function documentsOf(name: string, text: string): unknown[] {
  let documents: unknown[];
  try {
    documents = loadAll(text).filter((document) => document !== null && document !== undefined);
  } catch (error) {
    throw Fault.from(error, 'POLICY_FILE', name);
  }
  const object = documents.find((document) => isObject(document) && 'kind' in document);
  if (object !== undefined)
    throw new Fault('POLICY_FILE', `${name}: it holds an object, and not rules alone`, {
      hint: 'apply it to the cluster, or put it into the folder that the node reads: then all nodes have it',
    });
  return documents;
}

function filesOf(path: string): { name: string; text: string }[] {
  try {
    if (path === '-') return [{ name: 'standard input', text: readFileSync(0, 'utf8') }];
    if (!statSync(path).isDirectory()) return [{ name: path, text: readFileSync(path, 'utf8') }];
    const names = readdirSync(path).filter((name) => /\.(?:json|ya?ml)$/.test(name));
    return names.sort().map((name) => ({ name: join(path, name), text: readFileSync(join(path, name), 'utf8') }));
  } catch (error) {
    throw Fault.from(error, 'POLICY_FILE', `read ${path}`);
  }
}

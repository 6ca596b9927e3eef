import { type Command, Option } from 'commander';
import type { Translation } from '../../agent/translate.ts';
import { compareText } from '../../lib/compare.ts';
import type { Resource, ResourceType } from '../../mesh/envoy/resource.ts';
import { address, port } from '../arguments.ts';
import { formatDiagnostics, summarise } from '../output/diagnostics.ts';
import { formatData, outputFormats } from '../output/format.ts';
import { servedTable } from '../output/start.ts';
import { statusDocuments, statusTable } from '../output/statuses.ts';
import { formatTable, styleFor } from '../output/table.ts';

const types = [
  'listeners',
  'scoped-routes',
  'routes',
  'clusters',
  'endpoints',
  'secrets',
  'extensions',
  'cec',
  'statuses',
] as const;
type TypeFlag = (typeof types)[number];

interface Flags {
  output: (typeof outputFormats)[number] | 'cec';
  type?: TypeFlag;
  address: string;
  httpPort: number;
  httpsPort: number;
  defaultIngressClass?: boolean;
}

export function translateCommand(program: Command): void {
  program
    .command('translate')
    .argument('<path...>', 'files and folders with Kubernetes objects (YAML or JSON)')
    .addOption(
      new Option(
        '-o, --output <format>',
        'table: what is served; yaml, json: the Envoy resources; cec: as CiliumEnvoyConfigs',
      )
        .choices([...outputFormats, 'cec'])
        .default('table'),
    )
    .addOption(
      new Option(
        '--type <type>',
        'only these; cec: the CiliumEnvoyConfig that each Ingress and Gateway amounts to; statuses: the conditions of each object',
      ).choices(types),
    )
    .option('--address <ip>', 'where Ingress and Gateways would listen', address, '127.0.0.1')
    .option('--http-port <port>', 'Ingress: HTTP', port, 8080)
    .option('--https-port <port>', 'Ingress: HTTPS', port, 8443)
    .option('--default-ingress-class', 'also Ingresses that name no class')
    .summary('show what would be served, starting nothing')
    .description(
      'Translates objects and prints the result on standard output, diagnostics on standard error. Private keys are never printed. ' +
        'Exit code 1 where a diagnostic is an error.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  sluice translate k8s/\n  sluice translate k8s/ -o yaml --type routes\n  sluice translate ingress.yaml services.yaml -o cec',
    )
    .action(async (paths: string[], flags: Flags) => {
      const { translatePaths } = await import('../../agent/translate.ts');
      const { defaultEncodeOptions } = await import('../../mesh/envoy/index.ts');
      const { address, httpPort, httpsPort } = flags;
      const mesh = { address, httpPort, httpsPort, defaultIngressClass: flags.defaultIngressClass === true };
      // For reading, a table is whole whatever its size.
      const translation = translatePaths(paths, mesh, {
        ...defaultEncodeOptions,
        bucketThreshold: Number.POSITIVE_INFINITY,
      });
      process.stdout.write(await show(translation, flags));
      const { diagnostics } = translation;
      if (diagnostics.length > 0) {
        process.stderr.write(
          `${formatDiagnostics(diagnostics, styleFor(process.stderr), 1000)}${summarise(diagnostics)}\n`,
        );
      }
      process.exitCode = diagnostics.some((diagnostic) => diagnostic.severity === 'error') ? 1 : 0;
    });
}

async function show(translation: Translation, { output, type }: Flags): Promise<string> {
  const { plane } = translation;
  if (type === 'statuses') {
    const statuses = [...plane.statuses.values()];
    return output === 'yaml' || output === 'json'
      ? formatData(statusDocuments(statuses), output)
      : statusTable(statuses, styleFor(process.stdout));
  }
  const resources = plane.resources
    .flatMap((collection) => [...collection.values()])
    .sort((a, b) => compareText(a.name, b.name));
  if (output === 'cec' || type === 'cec') {
    const configs = await envoyConfigs(translation, resources);
    return output === 'json'
      ? formatData(configs, 'json')
      : configs.map((config) => `---\n${formatData(config, 'yaml')}`).join('');
  }
  if (output === 'table' && type === undefined) {
    const { servedRows } = await import('../../status/index.ts');
    const rows = servedRows(
      plane.listeners.flatMap((collection) => [...collection.values()]),
      plane.routesByTable(),
    );
    return servedTable(rows, styleFor(process.stdout));
  }
  const wanted = resources.filter((resource) => type === undefined || resource.type === type);
  if (output === 'table') {
    const { formatRef } = await import('../../api/index.ts');
    const rows = wanted.map((resource) => [
      resource.type,
      resource.name,
      String(resource.body.length),
      resource.origins.slice(0, 3).map(formatRef).join(', '),
    ]);
    return formatTable(['TYPE', 'NAME', 'BYTES', 'FROM'], rows, styleFor(process.stdout));
  }
  const { decodeResource } = await import('../../mesh/envoyconfig/index.ts');
  const { resourceTypes } = await import('../../mesh/envoy/resource.ts');
  const decoded = wanted.map((resource) => ({
    '@type': resourceTypes[resource.type as ResourceType],
    ...withoutKeys(resource, decodeResource(resource)),
  }));
  return formatData(decoded, output as 'yaml' | 'json');
}

/** One for each Ingress, Gateway and CiliumEnvoyConfig that anything came of. */
async function envoyConfigs({ plane }: Translation, resources: readonly Resource[]): Promise<unknown[]> {
  const { ownedResources, toCiliumEnvoyConfig } = await import('../../mesh/envoyconfig/index.ts');
  const { refOf, refKey } = await import('../../api/index.ts');
  const { tables } = plane;
  const owners = [tables.Ingress, tables.Gateway, tables.CiliumEnvoyConfig, tables.CiliumClusterwideEnvoyConfig]
    .flatMap((table) => [...table.values()])
    .map((object) => ({ ref: refOf(object), lists: 'resources' in object.spec ? object.spec : undefined }))
    .sort((a, b) => compareText(refKey(a.ref), refKey(b.ref)));
  return owners.flatMap(({ ref, lists }) => {
    const owned = ownedResources(resources, ref);
    return owned.length === 0 ? [] : [toCiliumEnvoyConfig(owned, ref, lists)];
  });
}

/** What a terminal or a CI log must never hold. */
function withoutKeys(resource: Resource, json: object): object {
  if (resource.type !== 'secrets') return json;
  return JSON.parse(
    JSON.stringify(json, (key, value: unknown) => (key === 'private_key' ? { inline_string: '<not shown>' } : value)),
  ) as object;
}

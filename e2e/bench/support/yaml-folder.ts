import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gatewayYaml, type RouteSpec, routeYaml, type ServiceSpec, serviceYaml } from './objects.ts';

/** How objects are laid out: many documents to a file, or a file each. */
export type Layout = 'a file each' | '100 to a file';

/** A folder of Kubernetes YAML that a bench writes and changes. */
export class YamlFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    mkdirSync(path, { recursive: true });
  }

  fill(port: number, services: readonly ServiceSpec[], routes: readonly RouteSpec[], layout: Layout): void {
    this.write('gateway.yaml', gatewayYaml(port));
    this.#writeAll(
      'services',
      services.map((service) => [service.name, serviceYaml(service)]),
      layout,
    );
    this.#writeAll(
      'routes',
      routes.map((route) => [route.name, routeYaml(route)]),
      layout,
    );
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.path, name), text);
  }
  writeRoute(route: RouteSpec): void {
    this.write(`${route.name}.yaml`, routeYaml(route));
  }
  remove(name: string): void {
    rmSync(join(this.path, name));
  }

  #writeAll(folder: string, documents: readonly (readonly [name: string, text: string])[], layout: Layout): void {
    mkdirSync(join(this.path, folder), { recursive: true });
    if (layout === 'a file each') {
      for (const [name, text] of documents) this.write(`${folder}/${name}.yaml`, text);
      return;
    }
    for (let i = 0; i < documents.length; i += 100) {
      const texts = documents.slice(i, i + 100).map(([, text]) => text);
      this.write(`${folder}/${i / 100}.yaml`, texts.join('---\n'));
    }
  }
}

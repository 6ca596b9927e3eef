import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../../lib/fault.ts';
import { type Endpoint, formatEndpointRecord, parseEndpointRecord } from '../../network/endpoint/index.ts';

/**
 * Endpoints on disk, a file each, named by their id: written before anything of them is in the kernel and removed after all of it is
 * gone, so that whatever a process that is killed leaves behind has a record. In the state directory, which does not outlive the
 * machine either.
 */
export class EndpointRecords {
  readonly #dir: string;

  /** @throws Fault ENDPOINT_RECORD */
  constructor(stateDir: string) {
    this.#dir = join(stateDir, 'endpoints');
    this.#guard('open', this.#dir, () => mkdirSync(this.#dir, { recursive: true, mode: 0o700 }));
  }

  /** Those that can be read; the names of the files that cannot. */
  read(): { readonly endpoints: readonly Endpoint[]; readonly unreadable: readonly string[] } {
    const endpoints: Endpoint[] = [];
    const unreadable: string[] = [];
    for (const name of readdirSync(this.#dir)) {
      const path = join(this.#dir, name);
      if (!name.endsWith('.json')) {
        // Of a process that was killed while it wrote.
        rmSync(path, { force: true });
        continue;
      }
      const endpoint = parseEndpointRecord(readFileSync(path, 'utf8'));
      if (endpoint === undefined || this.#path(endpoint.id) !== path) unreadable.push(path);
      else endpoints.push(endpoint);
    }
    return { endpoints, unreadable };
  }

  /** @throws Fault ENDPOINT_RECORD: then what was there before is still there */
  write(endpoint: Endpoint): void {
    const path = this.#path(endpoint.id);
    this.#guard('write', path, () => {
      writeFileSync(`${path}.new`, formatEndpointRecord(endpoint), { mode: 0o600 });
      renameSync(`${path}.new`, path);
    });
  }

  remove(id: number): void {
    this.#guard('remove', this.#path(id), () => rmSync(this.#path(id), { force: true }));
  }

  #path(id: number): string {
    return join(this.#dir, `${id}.json`);
  }

  #guard<T>(operation: string, path: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      const hint = 'no pod is set up that could not be found again: is the disk full, or read-only?';
      throw Fault.from(error, 'ENDPOINT_RECORD', `${operation} ${path}`, hint);
    }
  }
}

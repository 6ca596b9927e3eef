import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A folder of its own for each test, on the real file system. */
export class TestFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'sluice-source-'));

  at(name: string): string {
    return join(this.path, name);
  }

  /** Makes the folders on the way too. */
  write(name: string, content: string | Uint8Array): string {
    const path = this.at(name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    return path;
  }

  remove(name = ''): void {
    rmSync(this.at(name), { recursive: true, force: true });
  }
}

/** A ConfigMap as YAML. */
export function yaml(name: string, value = ''): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  value: "${value}"\n`;
}

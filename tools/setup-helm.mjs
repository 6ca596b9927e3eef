// Helm, for `sluice install` in a checkout and for the tests of the chart: the one on PATH when it is of a version that the
// chart is tested with, else a pinned release built from its Go module, once for the machine (minutes), in ~/.cache/sluice.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ensureGo } from './setup-go.mjs';
import { has, run, step } from './setup-lib.mjs';

const version = 'v3.22.0';
/** Minor version of the Kubernetes libraries that it is built with. */
const kubernetes = 37;
/** The first with `--wait` for Jobs and hooks as the chart is tested with; Helm 4 changed the flags. */
const oldest = [3, 8];

/** Where the built binary is kept: outside the checkout, named after its version. */
export const cachedHelm = join(process.env.SLUICE_CACHE || join(homedir(), '.cache/sluice'), `helm-${version}`, 'helm');

/** The `helm` command to use. */
export function ensureHelm() {
  const onPath = has('helm');
  if (onPath && newEnough(onPath)) return onPath;
  if (existsSync(cachedHelm)) return cachedHelm;
  const go = ensureGo();
  step(`Helm ${version} from its Go module (minutes, once)`, () => {
    const fresh = `${cachedHelm}.${process.pid}`;
    mkdirSync(fresh, { recursive: true });
    const variables = {
      'internal/version.version': version,
      // What `helm template` and `helm lint` take the cluster to be, without one to ask: as its own releases say.
      'pkg/lint/rules.k8sVersionMajor': 1,
      'pkg/lint/rules.k8sVersionMinor': kubernetes,
      'pkg/chartutil.k8sVersionMajor': 1,
      'pkg/chartutil.k8sVersionMinor': kubernetes,
    };
    const flags = Object.entries(variables).map(([name, value]) => `-X helm.sh/helm/v3/${name}=${value}`);
    run(go, ['install', '-trimpath', `-ldflags=-s -w ${flags.join(' ')}`, `helm.sh/helm/v3/cmd/helm@${version}`], {
      env: { ...process.env, CGO_ENABLED: '0', GOBIN: fresh },
      quiet: true,
    });
    // Renamed into place: what is there is whole.
    renameSync(join(fresh, 'helm'), cachedHelm);
    rmSync(fresh, { recursive: true, force: true });
  });
  return cachedHelm;
}

function newEnough(helm) {
  const [, major, minor] =
    /v(\d+)\.(\d+)/.exec(spawnSync(helm, ['version', '--short'], { encoding: 'utf8' }).stdout ?? '') ?? [];
  return Number(major) === oldest[0] && Number(minor) >= oldest[1];
}

if (import.meta.main) console.log(ensureHelm());

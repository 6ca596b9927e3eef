import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Where one node keeps its sockets, if not told otherwise: `/run/sluice` for root, the user's own runtime directory or a
 * private one below the temporary directory else. Short, because a Unix socket's path has room for 107 bytes.
 */
export function defaultStateDir(env: NodeJS.ProcessEnv = process.env, uid = process.getuid?.() ?? 0): string {
  if (env.SLUICE_STATE_DIR) return env.SLUICE_STATE_DIR;
  if (uid === 0) return '/run/sluice';
  return env.XDG_RUNTIME_DIR ? join(env.XDG_RUNTIME_DIR, 'sluice') : join(tmpdir(), `sluice-${uid}`);
}

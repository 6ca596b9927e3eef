import { join } from 'node:path';

/** What the agent and the process that runs Envoy have in common. All of it belongs to one user, and to nobody else. */
export function sharedPaths(stateDir: string) {
  return {
    bootstrap: join(stateDir, 'bootstrap.json'),
    xdsSocket: join(stateDir, 'xds.sock'),
    /** State directory of the process that runs Envoy, with its own lock. */
    envoyDir: join(stateDir, 'envoy'),
  };
}

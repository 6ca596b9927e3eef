/**
 * The Envoy process: found, configured with its bootstrap, started, watched, restarted when it dies, drained, stopped, and
 * asked things on its admin socket; or one that runs in a container of its own, told where its bootstrap is. The agent calls it. It knows nothing of listeners or routes: those reach Envoy by xDS.
 */
export { EnvoyAdmin, type EnvoyHost, type EnvoyServerInfo } from './admin.ts';
export { type BootstrapOptions, bootstrap, bootstrapJson, maxRegexProgramSize, xdsClusterName } from './bootstrap.ts';
export type { Exit } from './child.ts';
export { Envoy, type EnvoyEvents, type EnvoyOptions, type EnvoyState } from './envoy.ts';
export { ExternalEnvoy, type ExternalEnvoyOptions } from './external-envoy.ts';
export { type EnvoyBinary, findEnvoy, modulesDir, oldestEnvoy } from './find-envoy.ts';
export type { LogLevel } from './log-lines.ts';
export { sharedPaths } from './shared-paths.ts';
export { lockStateDir, type StateDir } from './state-dir.ts';
export type { StatsMode } from './stats-config.ts';

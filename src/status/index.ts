/**
 * Status: what translators and Envoy found, brought back to the objects and to people. Called by the agent (and by the
 * operator that writes statuses to an API server); never writes anywhere itself.
 */

export * from './curl.ts';
export * from './policy-limits.ts';
export * from './rejection-report.ts';
export * from './rejections.ts';
export * from './report.ts';
export * from './served.ts';
export * from './statuses.ts';
export * from './try.ts';

/**
 * A small library of schema combinators: plain closures, each taking a value and a context that collects what is wrong.
 * Made for hostile input: no throwing, no recursion beyond the schema's own depth, linear time.
 */
export * from './budget.ts';
export * from './composite.ts';
export * from './context.ts';
export * from './format.ts';
export * from './scalar.ts';

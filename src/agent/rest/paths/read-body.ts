import type { Diagnostic } from '../../../api/index.ts';
import { Context, type Schema } from '../../../api/schema/index.ts';
import { BadRequest } from '../router.ts';

/** A body as the schema has it. @throws BadRequest that names each field that is wrong */
export function readBody<T>(schema: Schema<T>, body: unknown): T {
  if (body === undefined || body === null) throw new BadRequest('the body is missing');
  const context = new Context();
  const read = schema(body, context);
  if (context.errors > 0) throw refusal(context.diagnostics());
  return read;
}

/** What is wrong, and what would be right, in one line. */
export function refusal(diagnostics: readonly Diagnostic[]): BadRequest {
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  return new BadRequest(
    errors.map(({ message, hint }) => (hint === undefined ? message : `${message} (${hint})`)).join('; '),
  );
}

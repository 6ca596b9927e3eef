import { BadRequest } from '../router.ts';

/**
 * The labels of a body: those that an object must all have. Undefined where none are asked for.
 * @throws BadRequest
 */
export function labelsOfBody(body: unknown): readonly string[] | undefined {
  if (body === undefined || body === null) return undefined;
  if (!Array.isArray(body) || body.some((label) => typeof label !== 'string'))
    throw new BadRequest('labels are a list of texts such as k8s:app=web');
  return body.length === 0 ? undefined : (body as string[]);
}

/** Whether all of `wanted` are among `labels`. Without a source (`app=web`), or with `any:`, a label of any source will do. */
export function hasLabels(labels: readonly string[], wanted: readonly string[]): boolean {
  return wanted.every((text) => {
    const { source, rest } = split(text);
    return labels.some((label) => {
      const own = split(label);
      return sameRest(own.rest, rest) && (source === undefined || source === 'any' || source === own.source);
    });
  });
}

function sameRest(own: string, wanted: string): boolean {
  return own === wanted || own === `${wanted}=` || `${own}=` === wanted;
}

function split(label: string): { source: string | undefined; rest: string } {
  const equals = label.indexOf('=');
  const colon = label.indexOf(':');
  return colon < 0 || (equals >= 0 && equals < colon)
    ? { source: undefined, rest: label }
    : { source: label.slice(0, colon), rest: label.slice(colon + 1) };
}

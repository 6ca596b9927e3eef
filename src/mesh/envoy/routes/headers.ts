import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  HeaderValueOption_HeaderAppendAction,
  type HeaderValueOptionSchema,
} from '../../../gen/envoy/config/core/v3/base_pb.ts';
import type { HeaderChanges } from '../../model/index.ts';

type Option = MessageInitShape<typeof HeaderValueOptionSchema>;

/** Envoy's form of header changes: it removes first, then goes through the list. */
export interface EnvoyHeaderChanges {
  readonly add: Option[];
  readonly remove: string[];
}

const { OVERWRITE_IF_EXISTS_OR_ADD, APPEND_IF_EXISTS_OR_ADD } = HeaderValueOption_HeaderAppendAction;

/** Envoy refuses the whole table over one of these; they are no headers in HTTP/2's sense. */
const untouchable = (name: string) => name.startsWith(':') || name.toLowerCase() === 'host';

/** What can't be changed is left out and named in `problems`. */
export function headerChanges(changes: HeaderChanges, problems: string[]): EnvoyHeaderChanges {
  const permitted = (name: string) => {
    if (!untouchable(name)) return true;
    problems.push(`the header ${name} can't be changed`);
    return false;
  };
  const option = (appendAction: HeaderValueOption_HeaderAppendAction) => (header: { name: string; value: string }) => ({
    header: { key: header.name, value: literal(header.value) },
    appendAction,
    ...(header.value === '' ? { keepEmptyValue: true } : {}),
  });
  const allowed = (list: HeaderChanges['set']) => (list ?? []).filter(({ name }) => permitted(name));
  return {
    add: [
      ...allowed(changes.set).map(option(OVERWRITE_IF_EXISTS_OR_ADD)),
      ...allowed(changes.add).map(option(APPEND_IF_EXISTS_OR_ADD)),
    ],
    remove: (changes.remove ?? []).filter(permitted),
  };
}

/** Text as a substitution format string that gives this very text. */
export const literal = (text: string) => text.replaceAll('%', '%%');

/** The fields that a Route and a weighted cluster share. */
export function headerFields(
  owner: { readonly requestHeaders?: HeaderChanges; readonly responseHeaders?: HeaderChanges },
  problems: string[],
) {
  if (owner.requestHeaders === undefined && owner.responseHeaders === undefined) return undefined;
  const request = headerChanges(owner.requestHeaders ?? {}, problems);
  const response = headerChanges(owner.responseHeaders ?? {}, problems);
  return {
    ...(request.add.length > 0 ? { requestHeadersToAdd: request.add } : {}),
    ...(request.remove.length > 0 ? { requestHeadersToRemove: request.remove } : {}),
    ...(response.add.length > 0 ? { responseHeadersToAdd: response.add } : {}),
    ...(response.remove.length > 0 ? { responseHeadersToRemove: response.remove } : {}),
  };
}

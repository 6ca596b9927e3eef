import type { PathModifier } from '../../api/index.ts';
import type { Rewrite } from '../model/index.ts';

/**
 * A path prefix as it is matched and put in: by whole segments, so a trailing slash says nothing (`/abc/` is `/abc`), and
 * an empty one is the root.
 */
export function pathPrefix(value: string): string {
  const rooted = value.startsWith('/') ? value : `/${value}`;
  let end = rooted.length;
  while (end > 1 && rooted[end - 1] === '/') end--;
  return rooted.slice(0, end);
}

/** A redirect's or rewrite's path. The encoder replaces a prefix by segments: `/foo` in `/foo/bar` by `/` gives `/bar`. */
export function pathChange(modifier: PathModifier): NonNullable<Rewrite['path']> {
  if (modifier.type === 'ReplacePrefixMatch') return { type: 'prefix', value: pathPrefix(modifier.replacePrefixMatch) };
  const value = modifier.replaceFullPath;
  return { type: 'full', value: value.startsWith('/') ? value : `/${value}` };
}

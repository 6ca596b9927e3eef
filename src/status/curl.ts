import type { Bind, HttpRoute } from '../mesh/model/index.ts';

/**
 * A curl command that takes exactly this route, for a POSIX shell. Undefined where none can be given: a pattern, for which
 * a matching text would have to be invented, or gRPC.
 */
export function curlFor(
  scheme: 'http' | 'https',
  bind: Bind,
  route: HttpRoute,
  serverNames: readonly string[],
): string | undefined {
  const { match, action } = route;
  if (match.grpc === true || action.type === 'respond') return undefined;
  const values = [...(match.headers ?? []), ...(match.query ?? [])];
  if (match.path.type === 'regex' || values.some((value) => value.type === 'regex')) return undefined;
  // Anything else would be escaped or normalised on the way, and would match something else.
  if (!/^(?:\/[\w.~!$&()*+,;=:@%-]*)+$/.test(match.path.value) || /\/\.{1,2}(?:\/|$)/.test(match.path.value))
    return undefined;
  const { address, port } = bind;
  const host = (route.host === '*' ? serverNames[0] : route.host)?.replace(/^\*\./, 'www.');
  const words = ['curl', '-s'];
  if (scheme === 'https') words.push('-k');
  if (action.type === 'redirect') words.push('-i');
  if (match.method !== undefined && match.method !== 'GET')
    words.push(match.method === 'HEAD' ? '-I' : `-X ${match.method}`);
  for (const { name, value } of match.headers ?? [])
    words.push(`-H ${quote(value === '' ? `${name};` : `${name}: ${value}`)}`);
  const isIpv6 = address.includes(':');
  if (host !== undefined && !resolvesItself(host, address))
    words.push(`--resolve ${quote(`${host}:${port}:${isIpv6 ? `[${address}]` : address}`)}`);
  const query = (match.query ?? []).map(
    ({ name, value }) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
  );
  const authority = `${host ?? (isIpv6 ? `[${address}]` : address)}:${port}`;
  words.push(quote(`${scheme}://${authority}${match.path.value}${query.length === 0 ? '' : `?${query.join('&')}`}`));
  return words.join(' ');
}

/** RFC 6761 section 6.3: names below `localhost` are loopback; curl (7.79 or newer) takes them as that by itself. */
function resolvesItself(host: string, address: string): boolean {
  return address === '127.0.0.1' && (host === 'localhost' || host.endsWith('.localhost'));
}

/** Everything that is not plainly harmless goes into single quotes. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

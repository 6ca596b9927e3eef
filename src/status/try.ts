import { quote } from './curl.ts';
import type { Feature, ServedRow } from './served.ts';

/** Commands that show one thing. */
export interface Trial {
  /** What they show, in a few words. */
  readonly title: string;
  readonly commands: readonly string[];
}

/** The example of the W3C Trace Context specification, section 3.2. */
const traceparent = 'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

/**
 * A handful of commands out of all that would work: one for each thing that the rows can show. `echo`: backends answer with
 * what they got, as the embedded ones do, so that the answer can be searched for it.
 */
export function trials(rows: readonly ServedRow[], { echo }: { readonly echo: boolean }): Trial[] {
  const first = (feature: Feature) => rows.find((row) => row.curl !== undefined && row.features.includes(feature));
  const found: Trial[] = [];
  const add = (title: string, ...rowsShown: readonly (ServedRow | undefined)[]) => {
    const commands = rowsShown.flatMap((row) => row?.curl ?? []);
    if (commands.length > 0) found.push({ title, commands });
  };

  const path = first('path');
  const other = rows.findLast(
    (row) => row.curl !== undefined && row.host === path?.host && row.listener === path.listener && row !== path,
  );
  if (path !== undefined) add(`Path routing (${path.match} goes to ${path.to})`, path, other);
  const host = first('host');
  if (host !== undefined) add(`Host routing (${host.host} goes to ${host.to})`, host);
  const tls = first('tls');
  if (tls !== undefined) add(`TLS termination (the certificate of ${tls.host})`, tls);
  const redirect = first('redirect');
  if (redirect !== undefined) add('HTTP redirected to HTTPS', redirect);
  const split = first('split');
  if (split !== undefined)
    found.push({ title: `Weighted split (${split.to})`, commands: [twentyTimes(split.curl!, echo)] });
  const header = first('header');
  if (header !== undefined) add(`Routing by header (${header.match})`, header);

  const forward = host ?? path ?? split;
  if (forward !== undefined) {
    const command = `${withHeader(forward.curl!, traceparent)}${echo ? ' | grep traceparent' : ''}`;
    found.push({ title: 'W3C trace context (the backend gets the header)', commands: [command] });
  }
  if (found.length === 0) {
    const any = rows.find((row) => row.curl !== undefined);
    if (any !== undefined) add(`${any.host} ${any.match}`, any);
  }
  return found;
}

/** curl itself counts, so that it is one command in every shell. */
function twentyTimes(curl: string, echo: boolean): string {
  const words = curl.split(' ');
  const url = words.pop()!.replace(/^'(.*)'$/, '$1');
  return `${[...words, quote(`${url}?[1-20]`)].join(' ')}${echo ? ` | grep '"pod"' | sort | uniq -c` : ''}`;
}

function withHeader(curl: string, header: string): string {
  return curl.replace('curl -s', `curl -s -H ${quote(header)}`);
}

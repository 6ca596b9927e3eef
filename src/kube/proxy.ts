import http from 'node:http';
import https from 'node:https';
import { BlockList, isIP, type Socket } from 'node:net';
import type { Connect } from './connect.ts';
import { KubeFault } from './kube-fault.ts';

/** ms to get through. */
const TIMEOUT = 10_000;

/**
 * The proxy on the way to a server: the kubeconfig's `proxy-url`, else `HTTPS_PROXY` (for http, `HTTP_PROXY`) unless
 * `NO_PROXY` has the host: as kubectl has it.
 * @throws KubeFault KUBE_CONFIG for one that we cannot use
 */
export function proxyFor(
  server: URL,
  proxyUrl: string | undefined,
  environment: NodeJS.ProcessEnv = process.env,
): URL | undefined {
  const name = server.protocol === 'http:' ? 'HTTP_PROXY' : 'HTTPS_PROXY';
  const general = environment[name] ?? environment[name.toLowerCase()];
  const exempt = isExempt(server, environment.NO_PROXY ?? environment.no_proxy ?? '');
  const proxy = proxyUrl || (exempt ? undefined : general) || undefined;
  if (proxy === undefined) return undefined;
  const url = URL.parse(proxy.includes('://') ? proxy : `http://${proxy}`);
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  const hint = 'only proxies that are spoken to by HTTP can be used: http://HOST:PORT';
  throw new KubeFault('KUBE_CONFIG', `the proxy is ${withoutPassword(proxy)}`, { hint });
}

/** A tunnel through an HTTP proxy (CONNECT, RFC 9110 section 9.3.6). */
export function connectThrough(proxy: URL): Connect {
  return (host, port) =>
    new Promise<Socket>((resolve, reject) => {
      const send = proxy.protocol === 'https:' ? https.request : http.request;
      const { username, password } = proxy;
      const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
      const target = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
      const request = send({
        host: proxy.hostname.replace(/^\[|\]$/g, ''),
        port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
        method: 'CONNECT',
        path: target,
        headers: {
          host: target,
          ...(username === '' ? {} : { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` }),
        },
        agent: false,
        timeout: TIMEOUT,
      });
      const failed = (why: string, cause?: Error): void =>
        reject(new Error(`proxy ${proxy.host}: ${why}`, cause === undefined ? {} : { cause }));
      request.once('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT / 1000} s`)));
      request.once('error', (error) => failed(error.message, error));
      // Whatever is no tunnel: an answer to CONNECT of another kind.
      request.once('response', (response) => {
        response.resume();
        failed(`HTTP ${response.statusCode}`);
      });
      request.once('connect', (response, socket, head) => {
        if (response.statusCode !== 200) {
          socket.destroy();
          failed(`HTTP ${response.statusCode}`);
          return;
        }
        // No limit of the proxy's request holds for what goes through.
        (socket as Socket).setTimeout(0);
        if (head.length > 0) socket.unshift(head);
        resolve(socket as Socket);
      });
      request.end();
    });
}

/** A server on this machine, or on the list: names with their subdomains, addresses, CIDRs, each with a port if it is only for that; `*` for all. */
function isExempt(server: URL, list: string): boolean {
  const host = server.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = server.port || (server.protocol === 'https:' ? '443' : '80');
  if (host === 'localhost' || isWithin(host, '127.0.0.0/8') || host === '::1') return true;
  return list
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true;
      if (entry.includes('/')) return isWithin(host, entry);
      const [, name = entry, only] = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(entry) ?? [];
      if (only !== undefined && only !== port) return false;
      const wanted = name.replace(/^\[|\]$/g, '').replace(/^\*?\./, '');
      return host === wanted || (isIP(host) === 0 && host.endsWith(`.${wanted}`));
    });
}

function isWithin(host: string, cidr: string): boolean {
  const family = isIP(host);
  const [network = '', prefix = ''] = cidr.split('/');
  const length = Number(prefix);
  if (family === 0 || isIP(network) !== family || !/^\d+$/.test(prefix) || length > (family === 4 ? 32 : 128))
    return false;
  const type = family === 4 ? 'ipv4' : 'ipv6';
  const block = new BlockList();
  block.addSubnet(network, length, type);
  return block.check(host, type);
}

const withoutPassword = (url: string): string => url.replace(/\/\/[^@/]*@/, '//***@');

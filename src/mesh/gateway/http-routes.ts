import type { HttpRoute, Precedence } from '../model/index.ts';
import type { RouteRules, RuleOutput } from './contract.ts';
import type { RouteProgram } from './route-program.ts';

/** A route's rules on every host of every table where it is attached: each once, however many parentRefs lead there. */
export function httpRoutesOf(program: RouteProgram<RouteRules>): [string, HttpRoute][] {
  const outputs: [string, HttpRoute][] = [];
  const { ref, created, owner } = program;
  const prefix = `gateway/${ref.kind}/${owner}`;
  const origins = [ref];
  for (const { rules, attached } of program.variants) {
    for (const [table, hosts] of hostsByTable(attached)) {
      for (const [host, rank] of hosts) {
        for (const output of rules.rules) {
          const key = `${prefix}/${output.rule}.${output.match}/${table}/${host}`;
          const precedence: Precedence = {
            host: rank,
            ...output.precedence,
            created,
            owner,
            rule: output.rule,
            match: output.match,
          };
          outputs.push([key, { key, table, host, precedence, origins, ...ruleOf(output) }]);
        }
      }
    }
  }
  return outputs;
}

function ruleOf(
  output: RuleOutput,
): Pick<HttpRoute, 'match' | 'action' | 'requestHeaders' | 'responseHeaders' | 'cors' | 'externalAuth' | 'name'> {
  const { http, action, name, requestHeaders, responseHeaders, cors, externalAuth } = output;
  return {
    match: http,
    action,
    name,
    ...(requestHeaders === undefined ? {} : { requestHeaders }),
    ...(responseHeaders === undefined ? {} : { responseHeaders }),
    ...(cors === undefined ? {} : { cors }),
    ...(externalAuth === undefined ? {} : { externalAuth }),
  };
}

function hostsByTable(
  attached: RouteProgram<RouteRules>['variants'][number]['attached'],
): Map<string, Map<string, number>> {
  const tables = new Map<string, Map<string, number>>();
  for (const { point, hosts } of attached) {
    if (point.table === undefined) continue;
    let served = tables.get(point.table);
    if (served === undefined) {
      served = new Map();
      tables.set(point.table, served);
    }
    for (const { host, rank } of hosts) served.set(host, Math.min(rank, served.get(host) ?? rank));
  }
  return tables;
}

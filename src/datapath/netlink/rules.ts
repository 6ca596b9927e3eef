import { flag } from './message.ts';
import { unless } from './outcome.ts';
import { encodeRule, encodeRuleQuery, parseRule, type Rule, ruleRequest } from './rule.ts';
import type { NetlinkSocket } from './socket.ts';

/** The rules of policy routing of a network namespace. Every call @throws Fault `NETLINK_...` by what the kernel says. */
export class Rules {
  readonly #socket: NetlinkSocket;

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Of both families, those that look into a table. */
  list(): Rule[] {
    const payloads = this.#socket.dump('read routing rules', ruleRequest.getRule, encodeRuleQuery());
    return payloads.flatMap((payload) => parseRule(payload) ?? []);
  }

  /** @returns whether it is new */
  add(rule: Rule): boolean {
    return unless(['NETLINK_EEXIST'], () => {
      this.#socket.change(`add ${describe(rule)}`, ruleRequest.newRule, flag.create | flag.exclusive, encodeRule(rule));
    });
  }

  /** @returns whether it was there */
  remove(rule: Rule): boolean {
    return unless(['NETLINK_ENOENT'], () => {
      this.#socket.change(`remove ${describe(rule)}`, ruleRequest.deleteRule, 0, encodeRule(rule));
    });
  }
}

const describe = ({ family, priority, table }: Rule) => `IPv${family} rule ${priority} to table ${table}`;

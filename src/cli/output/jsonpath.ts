import { Fault } from '../../lib/fault.ts';

/**
 * Templates as kubectl has them: text with expressions in braces. `{.a.b}`, `{['a-b']}`, `{[0]}`, `{[-1]}`, `{[0:2]}`, `{.*}`, `{[*]}`, `{..name}`,
 * `{[?(@.state=="ready")]}` with ==, !=, <, <=, >, >=; `{range .items[*]}...{end}`; texts as `{"\n"}`. What is not there gives nothing.
 * Source: kubernetes.io/docs/reference/kubectl/jsonpath.
 * @throws Fault JSONPATH
 */
export function jsonPath(template: string, data: unknown): string {
  return render(parse(tokens(template)), data);
}

type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'range'; readonly path: string; readonly body: readonly Part[] };

function wrong(what: string): Fault {
  return new Fault('JSONPATH', `jsonpath: ${what}`, { hint: "an example: -o jsonpath='{[*].id}'" });
}

type Token = { readonly text: string } | { readonly expression: string };

function tokens(template: string): Token[] {
  const found: Token[] = [];
  let text = '';
  for (let i = 0; i < template.length; i++) {
    if (template[i] !== '{') {
      text += template[i];
      continue;
    }
    if (text !== '') found.push({ text });
    text = '';
    const end = endOfExpression(template, i + 1);
    found.push({ expression: template.slice(i + 1, end).trim() });
    i = end;
  }
  if (text !== '') found.push({ text });
  return found;
}

/** Braces inside of quotes do not count. */
function endOfExpression(template: string, start: number): number {
  let quote = '';
  for (let i = start; i < template.length; i++) {
    const character = template[i] as string;
    if (quote !== '') {
      if (character === '\\') i++;
      else if (character === quote) quote = '';
    } else if (character === '"' || character === "'") quote = character;
    else if (character === '}') return i;
  }
  throw wrong('a brace is not closed');
}

function parse(list: Token[]): Part[] {
  const stack: { path: string; parts: Part[] }[] = [{ path: '', parts: [] }];
  for (const token of list) {
    const { parts } = stack.at(-1) as (typeof stack)[0];
    if ('text' in token) parts.push({ kind: 'text', text: token.text });
    else if (token.expression.startsWith('"')) parts.push({ kind: 'text', text: literal(token.expression) });
    else if (token.expression.startsWith('range '))
      stack.push({ path: token.expression.slice('range '.length).trim(), parts: [] });
    else if (token.expression === 'end') {
      const closed = stack.pop();
      const outer = stack.at(-1);
      if (closed === undefined || outer === undefined) throw wrong('end without range');
      outer.parts.push({ kind: 'range', path: closed.path, body: closed.parts });
    } else parts.push({ kind: 'path', path: token.expression });
  }
  if (stack.length > 1) throw wrong('range without end');
  return (stack[0] as (typeof stack)[0]).parts;
}

function literal(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    throw wrong(`${text} is no text`);
  }
}

function render(parts: readonly Part[], data: unknown): string {
  return parts
    .map((part) => {
      if (part.kind === 'text') return part.text;
      const found = select(part.path, data);
      return part.kind === 'path' ? found.map(show).join(' ') : found.map((item) => render(part.body, item)).join('');
    })
    .join('');
}

function show(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

const step =
  /^(?:\.\.([\w-]+|\*)|\.?\[\?\(@([^=!<>\])]*?)\s*(?:(==|!=|<=|>=|<|>)\s*("(?:[^"\\]|\\.)*"|'[^']*'|[-\w.]+))?\s*\)\]|\.?\[(-?\d*):(-?\d*)\]|\.?\[(-?\d+)\]|\.?\[(?:'([^']*)'|"([^"]*)")\]|\.?\[\*\]|\.(\*|(?:[\w/-]|\\.)+))/;

function select(path: string, data: unknown): unknown[] {
  let rest = path.replace(/^[$@]/, '');
  let current: unknown[] = [data];
  if (rest === '.') return current;
  while (rest !== '') {
    const match = step.exec(rest);
    if (match === null) throw wrong(`${JSON.stringify(rest)} is no step of a path`);
    rest = rest.slice(match[0].length);
    current = current.flatMap((value) => take(value, match));
  }
  return current;
}

function take(value: unknown, match: RegExpExecArray): unknown[] {
  const [, deep, filter, operator, operand, from, to, index, single, double, name] = match;
  if (deep !== undefined) return descend(value, deep);
  if (filter !== undefined) return children(value).filter((child) => holds(child, filter, operator, operand));
  if (from !== undefined || to !== undefined)
    return Array.isArray(value) ? value.slice(from ? Number(from) : 0, to ? Number(to) : undefined) : [];
  if (index !== undefined) return Array.isArray(value) ? existing(value.at(Number(index))) : [];
  const key = single ?? double ?? name?.replace(/\\(.)/g, '$1');
  return key === undefined || (key === '*' && name !== undefined) ? children(value) : field(value, key);
}

function field(value: unknown, key: string): unknown[] {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? existing((value as Record<string, unknown>)[key])
    : [];
}

function existing(value: unknown): unknown[] {
  return value === undefined ? [] : [value];
}

function children(value: unknown): unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value) : [];
}

function descend(value: unknown, key: string): unknown[] {
  return [
    ...(key === '*' ? children(value) : field(value, key)),
    ...children(value).flatMap((child) => descend(child, key)),
  ];
}

function holds(item: unknown, path: string, operator: string | undefined, operand: string | undefined): boolean {
  const found = select(path.trim() === '' ? '.' : path.trim(), item);
  if (operator === undefined || operand === undefined) return found.length > 0;
  const wanted = /^['"]/.test(operand) ? operand.slice(1, -1) : (JSON_VALUES.get(operand) ?? Number(operand));
  return found.some((value) => {
    switch (operator) {
      case '==':
        return value === wanted;
      case '!=':
        return value !== wanted;
      case '<':
        return (value as number) < (wanted as number);
      case '<=':
        return (value as number) <= (wanted as number);
      case '>':
        return (value as number) > (wanted as number);
      default:
        return (value as number) >= (wanted as number);
    }
  });
}

const JSON_VALUES: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['true', true],
  ['false', false],
  ['null', null],
]);

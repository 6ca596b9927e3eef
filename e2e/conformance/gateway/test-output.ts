/** What one test of the suite came to. */
export interface Outcome {
  readonly test: string;
  readonly result: 'PASS' | 'FAIL' | 'SKIP';
  readonly seconds: number;
}

/** `--- PASS: TestConformance/HTTPRouteCORS (3.02s)`: only tests of the suite, not their parts. */
export function parseOutcome(line: string): Outcome | undefined {
  const match = /^ {4}--- (PASS|FAIL|SKIP): TestConformance\/([^/\s]+) \(([\d.]+)s\)$/.exec(line);
  if (match === null) return undefined;
  const [, result, test = '', seconds] = match;
  return { test, result: result as Outcome['result'], seconds: Number(seconds) };
}

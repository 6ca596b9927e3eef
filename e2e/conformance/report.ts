import { load } from 'js-yaml';

/** A report as Gateway API's conformance suite writes it (`conformance/apis/v1` of its module), the part that is read here. */
export interface Report {
  readonly gatewayAPIVersion: string;
  readonly gatewayAPIChannel: string;
  readonly implementation: { readonly project: string; readonly version: string };
  readonly profiles: readonly ProfileReport[];
}

interface ProfileReport {
  readonly name: string;
  readonly core: Tests;
  readonly extended?: Tests & {
    readonly supportedFeatures?: readonly string[];
    readonly unsupportedFeatures?: readonly string[];
  };
}

interface Tests {
  readonly statistics: { readonly Passed: number; readonly Failed: number; readonly Skipped: number };
  readonly failedTests?: readonly string[];
  readonly skippedTests?: readonly string[];
}

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export interface ProfileSummary {
  readonly name: string;
  readonly core: Counts;
  readonly extended: Counts;
  /** Names of extended features: those claimed, and all that the suite has for the profile. */
  readonly claimed: readonly string[];
  readonly known: readonly string[];
  readonly failedTests: readonly string[];
}

/** Throws where the text is no such report: a figure that was not measured must not read as zero. */
export function parseReport(text: string): Report {
  const report = load(text) as Partial<Report> | undefined;
  if (!Array.isArray(report?.profiles)) throw new Error('this is no conformance report: it has no profiles');
  return report as Report;
}

/** By name: the suite's own order is by chance. */
export function summarize(report: Report): ProfileSummary[] {
  const profiles = report.profiles.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return profiles.map(({ name, core, extended }) => {
    const claimed = extended?.supportedFeatures ?? [];
    return {
      name,
      core: countsOf(core),
      extended: countsOf(extended),
      claimed,
      known: [...claimed, ...(extended?.unsupportedFeatures ?? [])],
      failedTests: [...(core.failedTests ?? []), ...(extended?.failedTests ?? [])],
    };
  });
}

/** Over all profiles. A feature or a failed test of several profiles is one. */
export function totals(profiles: readonly ProfileSummary[]) {
  const distinct = (pick: (profile: ProfileSummary) => readonly string[]): number =>
    new Set(profiles.flatMap((profile) => pick(profile))).size;
  const sum = (pick: (profile: ProfileSummary) => number): number =>
    profiles.reduce((total, profile) => total + pick(profile), 0);
  const all = ({ passed, failed, skipped }: Counts): number => passed + failed + skipped;
  return {
    corePassed: sum(({ core }) => core.passed),
    core: sum(({ core }) => all(core)),
    extendedPassed: sum(({ extended }) => extended.passed),
    extended: sum(({ extended }) => all(extended)),
    skipped: sum(({ core, extended }) => core.skipped + extended.skipped),
    claimed: distinct(({ claimed }) => claimed),
    known: distinct(({ known }) => known),
    failedTests: distinct(({ failedTests }) => failedTests),
  };
}

export function formatSummary(profiles: readonly ProfileSummary[]): string {
  const rows = profiles.map(({ name, core, extended, claimed, known }) => [
    name,
    ...[core, extended].map(({ passed, failed, skipped }) => `${passed}/${failed}/${skipped}`),
    `${claimed.length}/${known.length}`,
  ]);
  const table = [['PROFILE', 'CORE passed/failed/skipped', 'EXTENDED passed/failed/skipped', 'FEATURES'], ...rows];
  const widths = table[0]?.map((_, i) => Math.max(...table.map((row) => row[i]?.length ?? 0))) ?? [];
  const lines = table.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const failed = new Set(profiles.flatMap(({ failedTests }) => failedTests));
  return [...lines, ...(failed.size === 0 ? [] : [`failed: ${[...failed].join(', ')}`])].join('\n');
}

function countsOf(tests: Tests | undefined): Counts {
  const { Passed = 0, Failed = 0, Skipped = 0 } = tests?.statistics ?? {};
  return { passed: Passed, failed: Failed, skipped: Skipped };
}

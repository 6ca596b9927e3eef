import type { ProbeResult } from '../prober.ts';

interface At {
  readonly address: string;
  readonly port: number;
}

/** What a prober elsewhere can be asked; see `prober.ts`. */
export type ProberCommand =
  | (At & { readonly op: 'until'; readonly host: string; readonly wanted: number; readonly timeout: number })
  | (At & { readonly op: 'first-served'; readonly host: string; readonly timeout: number })
  | (At & { readonly op: 'not-served'; readonly hosts: readonly string[] });

/** Times are on the monotonic clock, which all processes of the machine share. */
export interface ProberAnswers {
  readonly until: ProbeResult;
  readonly 'first-served': number;
  readonly 'not-served': string[];
}

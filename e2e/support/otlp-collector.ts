import { type Program, startProgram } from './program.ts';
import { freePort } from './proxy-rig.ts';

/** A span as the collector's debug exporter prints it. */
export interface Span {
  readonly traceId: string;
  readonly parentId: string;
  readonly id: string;
  readonly name: string;
  /** `Server`, `Client`. */
  readonly kind: string;
  readonly resource: Readonly<Record<string, string>>;
  readonly attributes: Readonly<Record<string, string>>;
}

/** The OpenTelemetry Collector with its OTLP receiver. */
export interface Collector {
  /** Ports on 127.0.0.1. */
  readonly grpc: number;
  readonly http: number;
  /** All that it has received. */
  spans(): Span[];
  output(): string;
  stop(): Promise<void>;
}

export async function startCollector(binary: string): Promise<Collector> {
  const [grpc, http] = [await freePort(), await freePort()];
  const config = `
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:${grpc}"}, http: {endpoint: "127.0.0.1:${http}"}}}}
exporters: {debug: {verbosity: detailed}}
service: {telemetry: {metrics: {level: none}}, pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}`;
  const program: Program = await startProgram(binary, ['--config', `yaml:${config}`], /Everything is ready/);
  return { grpc, http, output: program.stderr, spans: () => parseSpans(program.stderr()), stop: program.stop };
}

function parseSpans(text: string): Span[] {
  return text.split(/\bResourceSpans #\d+$/m).flatMap((part) => {
    const [head = '', ...spans] = part.split(/^Span #\d+$/m);
    const resource = attributes(head);
    return spans.map((span) => ({
      traceId: field(span, 'Trace ID'),
      parentId: field(span, 'Parent ID'),
      id: field(span, 'ID'),
      name: field(span, 'Name'),
      kind: field(span, 'Kind'),
      resource,
      attributes: attributes(span),
    }));
  });
}

const field = (text: string, name: string): string =>
  new RegExp(`^ +${name} +: ?(.*)$`, 'm').exec(text)?.[1]?.trim() ?? '';

/** `     -> http.method: Str(GET)` */
function attributes(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/^ +-> ([^:]+): \w+\((.*)\)$/gm)].map(([, name, value]) => [name, value]),
  );
}

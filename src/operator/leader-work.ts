import type { ControlPlane } from '../agent/control-plane.ts';
import type { Diagnostic } from '../api/index.ts';
import type { KubeClient } from '../kube/index.ts';
import type { Log } from '../lib/log.ts';
import type { ObjectStatus } from '../mesh/model/index.ts';
import type { Collection, Table } from '../store/index.ts';
import { AddressFeed } from './address-feed.ts';
import { ClassCreator } from './class-creator.ts';
import { DatapathWork, type OperatorDatapathOptions } from './datapath-work.ts';
import { EnvoyConfigPublisher } from './envoy-config-publisher.ts';
import { EventRecorder } from './events.ts';
import type { LiveObjects } from './live-objects.ts';
import { ServiceWriter } from './service-writer.ts';
import { StatusWriter } from './status-writer.ts';

export interface LeaderWorkOptions {
  /** One that writes only while we lead. */
  readonly client: KubeClient;
  readonly plane: ControlPlane;
  /** The plane's statuses with what there is to add to them, and those of policies. */
  readonly statuses: readonly Collection<ObjectStatus>[];
  readonly live: LiveObjects;
  /** Tables of the plane's store. */
  readonly addressStatuses: Table<ObjectStatus>;
  readonly problems: Table<readonly Diagnostic[]>;
  /** Of objects that could not be read. */
  readonly unread: Collection<readonly Diagnostic[]>;
  readonly createClasses: boolean;
  readonly publishEnvoyConfigs: boolean;
  readonly datapath?: OperatorDatapathOptions;
  readonly log: Log;
}

/** All that only a leader does. Started and stopped with each term; between terms it keeps nothing. */
export class LeaderWork {
  readonly statuses: StatusWriter;
  readonly services: ServiceWriter;
  readonly events: EventRecorder;
  readonly datapath: DatapathWork | undefined;
  readonly #addresses: AddressFeed;
  readonly #classes: ClassCreator | undefined;
  readonly #publisher: EnvoyConfigPublisher | undefined;
  #abort = new AbortController();

  constructor(options: LeaderWorkOptions) {
    const { client, plane, live, addressStatuses, problems, unread, log } = options;
    this.#addresses = new AddressFeed({
      client,
      tables: plane.tables,
      own: plane.services,
      statuses: addressStatuses,
    });
    this.statuses = new StatusWriter({ client, live, desired: [...options.statuses, addressStatuses], log });
    this.services = new ServiceWriter({ client, live, desired: plane.services, problems, log });
    this.events = new EventRecorder({
      client,
      // What Envoy refused is told by the agents that it happened to.
      diagnostics: [...plane.diagnostics.filter((each) => each !== plane.rejections.diagnostics), problems, unread],
      uidOf: (ref) => live.uidOf(ref),
      log,
    });
    this.#publisher = options.publishEnvoyConfigs ? new EnvoyConfigPublisher({ client, plane, live, log }) : undefined;
    this.#classes = options.createClasses ? new ClassCreator(client, log) : undefined;
    this.datapath = options.datapath === undefined ? undefined : new DatapathWork(client, options.datapath, log);
  }

  async start(): Promise<void> {
    this.#abort = new AbortController();
    this.statuses.start();
    this.services.start();
    this.events.start();
    this.#classes?.start();
    this.#publisher?.start();
    this.datapath?.start();
    const { signal } = this.#abort;
    await this.#addresses.start(signal).catch((error: unknown) => {
      // The term is over already.
      if (!signal.aborted) throw error;
    });
  }

  /** Nothing is on its way any more when it resolves. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#addresses.stop();
    this.#classes?.stop();
    const others = [this.#publisher, this.datapath].filter((writer) => writer !== undefined);
    const writers = [this.statuses, this.services, this.events, ...others];
    for (const writer of writers) writer.stop();
    await Promise.all(writers.map((writer) => writer.idle()));
  }
}

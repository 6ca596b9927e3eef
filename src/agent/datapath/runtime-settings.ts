import { type DatapathMaps, DesiredEntries, MapStage } from '../../datapath/index.ts';
import type { Config } from '../../gen/abi.ts';
import type { PolicyEngine } from '../../network/policy/index.ts';
import type { RuntimeConfig } from '../rest/index.ts';
import type { KernelState } from './kernel-state.ts';
import type { NodeNetwork } from './node-network.ts';
import type { DatapathOptions } from './options.ts';
import { configValue, initialConfig } from './runtime-config.ts';

export interface RuntimeSettingsOptions {
  readonly options: DatapathOptions;
  readonly maps: Pick<DatapathMaps, 'config'>;
  readonly engine: Pick<PolicyEngine, 'setEnforcement'>;
  readonly state: Pick<KernelState, 'audit'>;
  readonly network: NodeNetwork;
  /** Brings what the engine was told into force. */
  readonly apply: () => void;
}

/** ms in which no program asks, and after which nothing is kept that was asked before: more than twice `wayLifetime`. */
const pause = 25;

/** What can be changed while the datapath runs, and what all programs go by: the one entry of the map `config`. */
export class RuntimeSettings {
  readonly #options: RuntimeSettingsOptions;
  readonly #desired: DesiredEntries<number, Config>;
  readonly #map: MapStage<number, Config>;
  #current: RuntimeConfig;
  #isFollowed = false;
  #pause: NodeJS.Timeout | undefined;

  /** Nothing is written before the first `change`. */
  constructor(options: RuntimeSettingsOptions) {
    this.#options = options;
    this.#desired = new DesiredEntries(options.maps.config.keyLayout);
    this.#map = new MapStage(options.maps.config, this.#desired);
    this.#current = initialConfig(options.options);
  }

  get current(): RuntimeConfig {
    return this.#current;
  }

  /** In force when it returns: the maps first, then what programs read them by. */
  change(change: Partial<RuntimeConfig>): void {
    const { engine, state, apply } = this.#options;
    this.#current = { ...this.#current, ...change };
    engine.setEnforcement(this.#current.policyEnforcement);
    state.audit = this.#current.audit;
    apply();
    this.write();
  }

  /** Whether somebody reads events as they come: traces that nobody reads cost each short connection several percent. */
  follow(isFollowed: boolean): void {
    this.#isFollowed = isFollowed;
    // Before the first `change` there is nothing in force.
    if (this.#desired.size > 0) this.write();
  }

  /** Also after the tunnel's device has become another one. */
  write(): void {
    const { options, network } = this.#options;
    const end = { link: network.tunnel?.link ?? 0, source: network.devices.tunnelSource };
    const isTraced = this.#isFollowed || options.events.traces === 'always';
    const current = { ...this.#current, traceEvents: this.#current.traceEvents && isTraced };
    const value = configValue(options, current, end);
    this.#desired.set(0, this.#pause === undefined ? value : { ...value, wayLifetime: 0 });
    this.#map.fill();
  }

  /**
   * Who is behind an address changes together with policies, step by step: for a while nothing goes by an answer that is kept, as it would be of
   * the step before.
   */
  askForEachPacket(): void {
    if (this.#pause !== undefined) {
      this.#pause.refresh();
      return;
    }
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.write();
    }, pause);
    this.#pause.unref();
    this.write();
  }

  /** What is in force stays so. */
  close(): void {
    clearTimeout(this.#pause);
  }

  check(): Generator<void, number> {
    return this.#map.check();
  }
  get reconciler() {
    return this.#map.reconciler;
  }
}

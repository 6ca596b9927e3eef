import { DesiredEntries, MapStage, type Stage, type TypedMap } from '../../datapath/index.ts';
import { type Address, EndpointKey, type LocalAddress, LocalAddressFlag } from '../../gen/abi.ts';
import type { Endpoint } from '../../network/endpoint/index.ts';
import { addressValue } from './encode.ts';

/** Who says that an address is its own: the index of an endpoint's host interface, or the node. */
type Owner = number | 'node';

const ofNode: LocalAddress = {
  ifindex: EndpointKey.hostEndpointKey,
  endpoint: 0,
  flags: LocalAddressFlag.localAddressHost,
};

/**
 * Whose the addresses of this node are. Of several that say one is theirs, the last endpoint that said so has it, as an address may be
 * the next pod's before the first is known to be gone; then the node.
 */
export class AddressStage implements Stage {
  readonly #desired: DesiredEntries<Address, LocalAddress>;
  readonly #map: MapStage<Address, LocalAddress>;
  /** By address, in the order in which they said so. */
  readonly #claims = new Map<string, Map<Owner, LocalAddress>>();
  readonly #byOwner = new Map<Owner, readonly string[]>();

  constructor(map: TypedMap<Address, LocalAddress>) {
    this.#desired = new DesiredEntries(map.keyLayout);
    this.#map = new MapStage(map, this.#desired);
  }

  setNode(addresses: readonly string[]): void {
    this.#set('node', ofNode, addresses);
  }
  setEndpoint({ id, hostIfindex, addresses: { ipv4, ipv6 } }: Endpoint): void {
    const own = [ipv4, ipv6].filter((address) => address !== undefined);
    this.#set(hostIfindex, { ifindex: hostIfindex, endpoint: id, flags: 0 }, own);
  }
  deleteEndpoint(hostIfindex: number): void {
    this.#set(hostIfindex, ofNode, []);
  }

  fill(): void {
    this.#map.fill();
  }
  drain(): void {
    this.#map.drain();
  }
  check(): Generator<void, number> {
    return this.#map.check();
  }
  states() {
    return this.#map.states();
  }

  #set(owner: Owner, value: LocalAddress, addresses: readonly string[]): void {
    const now = new Set(addresses);
    for (const address of this.#byOwner.get(owner) ?? []) {
      if (now.has(address)) continue;
      this.#claims.get(address)?.delete(owner);
      this.#settle(address);
    }
    for (const address of now) {
      let claims = this.#claims.get(address);
      if (claims === undefined) {
        claims = new Map();
        this.#claims.set(address, claims);
      }
      claims.set(owner, value);
      this.#settle(address);
    }
    if (now.size === 0) this.#byOwner.delete(owner);
    else this.#byOwner.set(owner, [...now]);
  }

  #settle(address: string): void {
    const claims = this.#claims.get(address);
    const [last] = [...(claims ?? [])].filter(([owner]) => owner !== 'node').slice(-1);
    const value = last?.[1] ?? claims?.get('node');
    if (value !== undefined) this.#desired.set(addressValue(address), value);
    else {
      this.#claims.delete(address);
      this.#desired.delete(addressValue(address));
    }
  }
}

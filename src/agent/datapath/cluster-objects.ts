import type { CiliumIdentity } from '../../api/index.ts';
import type { Manifest } from '../../network/endpoint/index.ts';

/**
 * Where a node writes what others are to know of it, and where numbers of identities are given out: an API server, a folder that
 * several nodes read, or the tables of a node that is alone. What is written comes back as objects of the source, as everything
 * that nodes know.
 */
export interface ClusterObjects {
  /**
   * Creates an object unless there is one of that name; of several that try at once, one creates it.
   * @returns the object that is there now, as read
   * @throws Fault
   */
  createOnce(manifest: Manifest): Promise<unknown>;
  /** Makes it as the manifest says; fields that it does not have are left as they are. @throws Fault */
  apply(manifest: Manifest): Promise<void>;
  /** Nothing happens where it is gone already. @throws Fault */
  remove(manifest: Pick<Manifest, 'apiVersion' | 'kind' | 'metadata'>): Promise<void>;
  /**
   * Takes the mark off an identity that nobody had for a while (`UNUSED_MARK`): it is not deleted then.
   * @returns false where it is gone, or another one of the same number: it is not to be used
   * @throws Fault
   */
  keepIdentity(identity: CiliumIdentity): Promise<boolean>;
}

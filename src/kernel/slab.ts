/**
 * Slabs: regions of memory that sockets read into and that frames are handed out from in place.
 *
 * Owns: the shape that everybody who holds on to received bytes sees.
 * Leaves: pooling to the server.
 *
 * Invariant: the bytes stay as they are while anybody retains the slab.
 */

export interface Slab {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** One more holder. */
  retain(): void;
  /** One holder less; with the last one the slab may be filled again. */
  release(): void;
}

/**
 * The sizes, counts and times that bound a connection, each with its unit.
 */

/**
 * The region that all connections without unread bytes share, and so the most one read brings them.
 * With `savedBytesMax` less than 64 KiB, so that no range that may be retained fits into it.
 */
export const sharedRegionBytes = 56 * 1024;

/** Up to this much of an unfinished frame is kept in a small buffer of the connection itself. */
export const savedBytesMax = 4 * 1024;

/** Slabs come in these sizes; larger ones are made for one frame and not kept. */
export const slabSizes = [64 * 1024, 256 * 1024, 1024 * 1024, 4 * 1024 * 1024] as const;

/** Unused slabs kept for the next taker. */
export const freeSlabBytesMax = 64 * 1024 * 1024;

/** Connections with large frames that keep their slab while they have no unread bytes. */
export const warmSlabsMax = 16;

/** Staged answers of one connection; past this it is not read from. */
export const stagedBytesMax = 256 * 1024;

/** Bodies of one connection that wait to be sent; past this it is not read from. */
export const waitingStreamsMax = 64;

/** The largest buffer through which bodies are sent. */
export const outputBytesMax = 1024 * 1024;

/** With more than this in use by all connections, output buffers are small ones. */
export const slabBytesScarce = 256 * 1024 * 1024;

/** What one connection may send before others have their turn. */
export const flushBytesMax = 4 * 1024 * 1024;

/** Memory of the staging buffer that a connection keeps between answers, and when it is idle. */
export const stagingKeepBytes = 64 * 1024;
export const stagingIdleBytes = 256;
export const stagingIdleMs = 5_000;

/** Options of the server that a deployment may want otherwise. */
export interface ServerLimits {
  readonly connectionsMax: number;
  /** A frame that announces more closes its connection, whatever its protocol thinks. */
  readonly frameBytesMax: number;
  /** For the first frame of a connection. */
  readonly firstFrameTimeoutMs: number;
  /** For a closing connection's last answers to leave. */
  readonly closeTimeoutMs: number;
}

export const defaultServerLimits: ServerLimits = {
  connectionsMax: 10_000,
  frameBytesMax: 128 * 1024 * 1024,
  firstFrameTimeoutMs: 10_000,
  closeTimeoutMs: 10_000,
};

/** How often times are looked at. */
export const sweepMs = 1_000;

/** How often connections held back by a congested broker look whether it still is. */
export const reliefMs = 20;

/** Ports tried after a default one that is busy. */
export const portTriesMax = 100;

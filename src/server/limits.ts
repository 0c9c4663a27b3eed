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

/** With this much behind a parked request its connection is not read. Less than what is kept saved. */
export const heldBytesMax = 2 * 1024;

/** Slabs come in these sizes; larger ones are made for one frame and not kept. */
export const slabSizes = [64 * 1024, 256 * 1024, 1024 * 1024, 4 * 1024 * 1024] as const;

/** Unused slabs kept for the next taker. */
export const freeSlabBytesMax = 64 * 1024 * 1024;

/** Connections with large frames that keep their slab while they have no unread bytes. */
export const warmSlabsMax = 16;

/** Staged answers of one connection; past this it is not read from. */
export const stagedBytesMax = 256 * 1024;

/** Bodies of one connection that wait to be sent, and their bytes; past this it is not read from. */
export const waitingStreamsMax = 64;
export const waitingStreamBytesMax = 8 * 1024 * 1024;

/** The largest buffer through which bodies are sent. */
export const outputBytesMax = 1024 * 1024;

/** With more than this share of all connections' memory in use, output buffers are small ones. */
export const memoryScarceShare = 0.25;

/** The share that connections with large frames may keep while nothing of theirs is unread. */
export const memoryWarmShare = 0.125;

/** What one connection may send before others have their turn. */
export const flushBytesMax = 4 * 1024 * 1024;

/** What all connections may send in one turn, shared out evenly: some ten milliseconds of copying. */
export const turnBytesMax = 32 * 1024 * 1024;

/** The least share of one connection in that. */
export const flushBytesMin = 64 * 1024;

/** Memory of the staging buffer that a connection keeps between answers, and when it is idle. */
export const stagingKeepBytes = 64 * 1024;
export const stagingIdleBytes = 256;
export const stagingIdleMs = 5_000;

/** Options of the server that a deployment may want otherwise. */
export interface ServerLimits {
  readonly connectionsMax: number;
  /** Of one remote address, so that nobody can take all places; 0: nine tenths of all. */
  readonly connectionsPerAddressMax: number;
  /** A frame that announces more closes its connection, whatever its protocol thinks. */
  readonly frameBytesMax: number;
  /** For the first frame of a connection. */
  readonly firstFrameTimeoutMs: number;
  /** For any frame, from its first byte to its last. */
  readonly frameTimeoutMs: number;
  /** At most, whatever the protocol says, of silence; 0: as the protocol says. */
  readonly idleTimeoutMs: number;
  /** For a closing connection's last answers to leave. */
  readonly closeTimeoutMs: number;
  /**
   * Memory of all connections for unfinished frames and unsent answers. Past it those that hold much
   * for long are closed; past a quarter more whoever asks for more is.
   */
  readonly memoryBytesMax: number;
}

export const defaultServerLimits: ServerLimits = {
  connectionsMax: 10_000,
  connectionsPerAddressMax: 0,
  frameBytesMax: 128 * 1024 * 1024,
  firstFrameTimeoutMs: 10_000,
  frameTimeoutMs: 120_000,
  idleTimeoutMs: 0,
  closeTimeoutMs: 10_000,
  memoryBytesMax: 512 * 1024 * 1024,
};

/** Of connections, when the limit of one address is not given. */
export const addressShare = 0.9;

/** Past the memory limit times this nothing is waited for. */
export const memoryExhaustedFactor = 1.25;

/** To this share of the limit memory is brought down, so that it does not have to be soon again. */
export const memoryReliefShare = 0.875;

/** Between two looks at who has to go for memory's sake. */
export const shedMs = 50;

/** Between two warnings about connections that were refused or closed for want of something. */
export const warningMs = 1_000;

/** How often times are looked at. */
export const sweepMs = 1_000;

/** How often connections held back by a congested broker look whether it still is. */
export const reliefMs = 20;

/** Ports tried after a default one that is busy. */
export const portTriesMax = 100;

/**
 * The limits of queues, each with its unit.
 */

/** The lease mark moves ahead by this many offsets; at most so many are flagged for no reason. */
export const leaseMarkStep = 2048;
/** While deliveries have to wait for the mark, the step doubles up to here. */
export const leaseMarkStepMax = 64 * 1024;

/** Deliveries of one queue before others get their turn. */
export const deliveriesPerTurnMax = 1024;

/** Bytes of batches read at once, unless one batch is larger. */
export const readBytesMax = 256 * 1024;
/** A read of less than half of this gets a small buffer, to which later reads are added. */
export const smallBufferBytes = 16 * 1024;
/** Bytes of all record windows of all queues. */
export const windowBytesMax = 32 * 1024 * 1024;
/** Windows of one partition: where its queues read, and where records came back. */
export const windowsPerPartitionMax = 4;
/** Buffers of `readBytesMax` kept for reuse. */
export const spareBuffersMax = 8;

/** Compressed batches up to this many bytes are decoded on the loop: a hop costs more. */
export const inlineDecodeBytesMax = 4 * 1024;
/** And only while they do not get larger than this: a small batch may hold gigabytes. */
export const inlineContentBytesMax = 1024 * 1024;
/** Decoded bytes of one batch. */
export const decodedBytesMax = 64 * 1024 * 1024;

/** A head of the log that is settled is given up once it is this many bytes, or when all is quiet. */
export const reclaimBytesMin = 1024 * 1024;
/** Quiet: this long after the last settlement. */
export const reclaimIdleMs = 1000;

/** Between two looks for expired leases lies this much, for every 1 000 slots to look at, ms. */
export const expiryScanMsPerThousand = 0.1;

/** Queues of one topic. */
export const queuesPerTopicMax = 10_000;
/** Bytes of a queue's name in UTF-8. */
export const queueNameBytesMax = 1024;

/** Records in one answer to a look at a queue. */
export const peekRecordsMax = 1000;

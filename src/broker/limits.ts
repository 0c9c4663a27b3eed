/**
 * The limits of the broker, each with its unit. What a user may change is an option of the broker
 * (`BrokerOptions` in options.ts); what is here follows from formats and budgets.
 */

/** A checkpoint object is at most this large, in bytes. */
export const objectBytesMax = 64 * 1024;

/** Partitions in one topic. Their ids fit a quarter of a checkpoint object. */
export const partitionsPerTopicMax = 4096;

/** Partitions of all topics together. */
export const partitionsMax = 200_000;

/** Names and values of a topic's options together, in bytes of UTF-8. */
export const topicOptionBytesMax = 32 * 1024;

/** Producer ids are reserved this many at a time: one entry each. */
export const producerIdBlock = 1000;

/** Last batches remembered for each producer on each partition. */
export const producerBatches = 5;

/** Producers remembered on one partition. */
export const producersPerPartitionMax = 10_000;

/** Producers remembered on all partitions together: about 200 bytes each. */
export const producersMax = 250_000;

/** Producers named by one expiry entry. */
export const producersPerExpiryMax = 1000;

/** Partitions one batch may be appended to at once. */
export const targetsMax = 4;

/** Bytes of batches whose index rows are looked at in one go. */
export const walkBytesMax = 16 * 1024 * 1024;

/** What a batch may decompress to when the broker has to look inside, in bytes. */
export const decompressedBytesMax = 64 * 1024 * 1024;

/** Records that in-process publishers may have waiting for the end of the tick, in bytes. */
export const publishWaitingBytesMax = 64 * 1024 * 1024;

/** The disk counts as full when a publish of this size has no space, in bytes. */
export const spaceProbeBytes = 64 * 1024;

/** Compressed batches up to this size are decompressed on the loop, larger ones away from it. */
export const inlineDecompressBytesMax = 16 * 1024;

/** And only while they do not get larger than this: a small batch may hold gigabytes. */
export const inlineContentBytesMax = 1024 * 1024;

/**
 * What a batch may decompress to before it is stored, in times the largest batch of its topic: it is
 * done on the loop, and others wait.
 */
export const inspectedExpansionMax = 16;

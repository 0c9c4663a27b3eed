/**
 * Nominal numbers: values that share a representation and must not be mixed up.
 *
 * Owns: the brand type and the brands that more than one module needs.
 * Leaves: checking. A decoder checks the range (`isExact` in bytes.ts) and then brands; arithmetic
 * on a brand yields a plain number that has to be branded again.
 */

declare const brandName: unique symbol;

export type Brand<T, Name extends string> = T & { readonly [brandName]: Name };

/** A record's place in its partition: 0, 1, 2 … Below 2^53. */
export type LogOffset = Brand<number, 'LogOffset'>;
/** Counts the leaderships of a partition. An int32; -1 is unknown. */
export type LeaderEpoch = Brand<number, 'LeaderEpoch'>;
/** Identifies a partition in its shard. Never reused. */
export type PartitionId = Brand<number, 'PartitionId'>;
/** A byte position in the journal, from its very beginning. Below 2^53. */
export type Lsn = Brand<number, 'Lsn'>;
/** Identifies a segment file. Never reused. */
export type SegmentId = Brand<number, 'SegmentId'>;
/** A time span, or a wall time since 1970-01-01T00:00:00Z. */
export type Millis = Brand<number, 'Millis'>;
/** A size. */
export type Bytes = Brand<number, 'Bytes'>;
/** An idempotent producer's id, as handed out by the broker. -1 is none. */
export type ProducerId = Brand<number, 'ProducerId'>;

export const logOffset = (value: number): LogOffset => value as LogOffset;
export const leaderEpoch = (value: number): LeaderEpoch => value as LeaderEpoch;
export const partitionId = (value: number): PartitionId => value as PartitionId;
export const lsn = (value: number): Lsn => value as Lsn;
export const segmentId = (value: number): SegmentId => value as SegmentId;
export const millis = (value: number): Millis => value as Millis;
export const bytes = (value: number): Bytes => value as Bytes;
export const producerId = (value: number): ProducerId => value as ProducerId;

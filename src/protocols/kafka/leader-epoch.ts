/**
 * The leader epoch that a client believes in, against ours [KIP-320].
 */
import type { Partition } from '../../broker/index.ts';
import { kafkaErrors } from './error-codes.ts';

/** The error of a client with another epoch; -1 is a client that does not say. */
export function leaderEpochError(partition: Partition, clientEpoch: number): number {
  if (clientEpoch < 0 || clientEpoch === partition.leaderEpoch) return kafkaErrors.none;
  return clientEpoch < partition.leaderEpoch
    ? kafkaErrors.fencedLeaderEpoch
    : kafkaErrors.unknownLeaderEpoch;
}

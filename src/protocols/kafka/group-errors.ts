/**
 * The broker's errors in the words of group answers: what says something about a broker to a
 * producer says here whether to look for the coordinator again.
 *
 * Clients take `coordinatorNotAvailable` and `notCoordinator` as "ask again who coordinates", and go
 * on with the offsets and the membership they have. Errors of storage they would not understand.
 */

import type { Broker } from '../../broker/index.ts';
import type { BrokerErrorCode } from '../../kernel/errors.ts';
import { type KafkaErrorCode, kafkaErrors } from './error-codes.ts';
import { toKafkaError } from './errors.ts';

const groupErrors: Partial<Readonly<Record<BrokerErrorCode, KafkaErrorCode>>> = {
  fenced: kafkaErrors.notCoordinator,
  draining: kafkaErrors.coordinatorNotAvailable,
  storage_full: kafkaErrors.coordinatorNotAvailable,
  storage_failed: kafkaErrors.notCoordinator,
  storage_damaged: kafkaErrors.notCoordinator,
};

/** Null, no error, is `none`. */
export function toGroupError(code: BrokerErrorCode | null): KafkaErrorCode {
  if (code === null) return kafkaErrors.none;
  return groupErrors[code] ?? toKafkaError(code);
}

/** What questions about groups are refused with; `none`: they are answered. */
export function coordinatorError({ fault }: Pick<Broker, 'fault'>): KafkaErrorCode {
  return fault === null ? kafkaErrors.none : kafkaErrors.notCoordinator;
}

/**
 * The surface of queues for the rest of the broker.
 */

export { copyDelivery, type DeliveredRecord, Delivery } from './delivery.ts';
export type { ConsumerHandler } from './live-queue.ts';
export type { QueueLog, QueuePorts, QueueTopic } from './ports.ts';
export { type Queue, queueOption } from './queue.ts';
export type { PeekedRecord, PeekRequest } from './queue-browse.ts';
export type { QueueConsumer } from './queue-consumer.ts';
export {
  type ConsumeOptions,
  type DeclareOutcome,
  type PurgeOutcome,
  type QueueDepth,
  QueueService,
  type QueueSpec,
  type QueueStart,
} from './queue-service.ts';
export { Queues, type RetentionTest } from './queues.ts';

/**
 * The public API: a broker inside a Node program.
 *
 *     import { createBroker } from 'polylog';
 */

export {
  type BrokerOptions,
  createBroker,
  type ListenerOption,
} from './app/create-broker.ts';
export type {
  Address,
  EmbeddedBroker,
  PartitionInfo,
  TopicInfo,
  TopicOptions,
} from './app/embedded-broker.ts';
export type {
  EmbeddedQueue,
  PeekedMessage,
  QueueConsumeOptions,
  QueueDepth,
  QueueOptions,
} from './app/embedded-queue.ts';
export type { Lease } from './app/lease.ts';
export type {
  IncomingMessage,
  MessageData,
  MessageHeader,
  OutgoingMessage,
  PublishedMessage,
} from './app/message.ts';
export type { HandlerOptions, QueueHandler, QueueWorker } from './app/queue-handler.ts';
export type { ConsumeFrom, ConsumeRequest } from './app/topic-cursor.ts';
export { version } from './config/version.ts';
export { BrokerError, type BrokerErrorCode } from './kernel/errors.ts';
export type { LogFields, Logger } from './kernel/ports.ts';

import { Kafka, logLevel, type Producer } from 'kafkajs';
import { createBroker, type EmbeddedBroker } from 'polylog';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { placeOrder } from './place-order';

let broker: EmbeddedBroker;
let producer: Producer;

beforeAll(async () => {
  broker = await createBroker({ storage: 'memory', listeners: { kafka: 0 } });
  await broker.createTopic('orders', { partitions: 3 });
  const { host, port } = broker.address('kafka');
  const kafka = new Kafka({ brokers: [`${host}:${port}`], logLevel: logLevel.NOTHING });
  producer = kafka.producer();
  await producer.connect();
});

afterAll(async () => {
  await producer.disconnect();
  await broker.close();
});

test('an order is announced under the name of its customer', async () => {
  const orders = broker.consume({ topic: 'orders', from: 'latest' });
  await placeOrder(producer, { customer: 'ada', item: 'punched cards' });
  const { value: message } = await orders.next();
  await orders.return?.();
  expect(message?.key?.toString()).toBe('ada');
  expect(JSON.parse(String(message?.value))).toEqual({ customer: 'ada', item: 'punched cards' });
});

test('fake timers do not stop the broker', async () => {
  vi.useFakeTimers();
  try {
    const queue = await broker.queue('mails', { topic: 'orders', start: 'latest' }).declare();
    await placeOrder(producer, { customer: 'bob', item: 'tape' });
    for await (const lease of queue.consume()) {
      expect(String(lease.message.key)).toBe('bob');
      await lease.settle();
      break;
    }
    expect(queue.depth()).toEqual({ ready: 0, leased: 0, consumers: 0 });
  } finally {
    vi.useRealTimers();
  }
});

/** Jest's fake timers are on for all of this, see package.json: they do not stop the broker. */

import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { Kafka, logLevel, type Producer } from 'kafkajs';
import { createBroker, type EmbeddedBroker } from 'polylog';
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

test('the time of the test is its own', async () => {
  jest.setSystemTime(new Date('2030-01-01T00:00:00Z'));
  const orders = broker.consume({ topic: 'orders', from: 'latest' });
  await placeOrder(producer, { customer: 'bob', item: 'tape' });
  const { value: message } = await orders.next();
  await orders.return?.();
  // kafkajs stamps the message, with the test's clock.
  expect(message?.timestamp).toBe(Date.parse('2030-01-01T00:00:00Z'));
});

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Kafka, logLevel } from 'kafkajs';
import { createBroker } from 'polylog';
import { placeOrder } from './place-order.js';

let broker;
let producer;

before(async () => {
  broker = await createBroker({ storage: 'memory', listeners: { kafka: 0 } });
  await broker.createTopic('orders', { partitions: 3 });
  const { host, port } = broker.address('kafka');
  const kafka = new Kafka({ brokers: [`${host}:${port}`], logLevel: logLevel.NOTHING });
  producer = kafka.producer();
  await producer.connect();
});

after(async () => {
  await producer.disconnect();
  await broker.close();
});

test('an order is announced under the name of its customer', async () => {
  const orders = broker.consume({ topic: 'orders', from: 'latest' });
  await placeOrder(producer, { customer: 'ada', item: 'punched cards' });
  const { value: message } = await orders.next();
  await orders.return();
  assert.equal(message.key.toString(), 'ada');
  assert.deepEqual(JSON.parse(message.value.toString()), {
    customer: 'ada',
    item: 'punched cards',
  });
});

test('orders of one customer stay in order', async () => {
  const orders = broker.consume({ topic: 'orders', from: 'latest' });
  for (const item of ['1', '2', '3']) await placeOrder(producer, { customer: 'bob', item });
  const items = [];
  for await (const { value } of orders) {
    items.push(JSON.parse(value.toString()).item);
    if (items.length === 3) break;
  }
  assert.deepEqual(items, ['1', '2', '3']);
});

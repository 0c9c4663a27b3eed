/** What is under test: it announces an order to whoever listens. */

import type { Producer } from 'kafkajs';

export interface Order {
  readonly customer: string;
  readonly item: string;
}

export async function placeOrder(producer: Producer, order: Order): Promise<void> {
  await producer.send({
    topic: 'orders',
    messages: [{ key: order.customer, value: JSON.stringify(order) }],
  });
}

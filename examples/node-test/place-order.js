/** What is under test: it announces an order to whoever listens. */

export async function placeOrder(producer, order) {
  await producer.send({
    topic: 'orders',
    messages: [{ key: order.customer, value: JSON.stringify(order) }],
  });
}

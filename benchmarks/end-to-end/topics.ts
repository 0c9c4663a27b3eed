/**
 * Topics for a load: made, waited for, removed.
 */
import { LoadConnection } from './connection.ts';
import type { Peer } from './peer.ts';
import { createTopicFrame, deleteTopicFrame, listOffsetsFrame } from './wire.ts';

/** Kafka's controller takes a while to know its broker, and the broker to know the topic. */
const waitMs = 60_000;

export async function createTopic(
  peer: Pick<Peer, 'name' | 'port'>,
  topic: string,
  partitions: number,
  options: Readonly<Record<string, string>> = {},
): Promise<void> {
  const connection = await LoadConnection.open(peer.port);
  const deadline = performance.now() + waitMs;
  const errorAt = 4 + 4 + 4 + 2 + topic.length;
  for (;;) {
    const answer = await connection.call(createTopicFrame(topic, partitions, options));
    const error = answer.readInt16BE(errorAt);
    if (error === 0) break;
    // 38: no broker has come yet that could take the replicas.
    if (error !== 38 || performance.now() > deadline) {
      throw new Error(`${peer.name} does not make topic ${topic}: error ${error}`);
    }
    await pause();
  }
  while (!isLed(await connection.call(listOffsetsFrame(topic, partitions)), topic, partitions)) {
    if (performance.now() > deadline) throw new Error(`${peer.name}: ${topic} has no leaders`);
    await pause();
  }
  connection.close();
}

export async function deleteTopic(peer: Peer, topic: string): Promise<void> {
  const connection = await LoadConnection.open(peer.port);
  await connection.call(deleteTopicFrame(topic));
  connection.close();
}

/** Each partition of a ListOffsets v1 answer: index 4, error 2, timestamp 8, offset 8. */
function isLed(answer: Buffer, topic: string, partitions: number): boolean {
  const first = 4 + 4 + 2 + topic.length + 4;
  for (let i = 0; i < partitions; i++) {
    if (answer.readInt16BE(first + i * 22 + 4) !== 0) return false;
  }
  return true;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50));
}

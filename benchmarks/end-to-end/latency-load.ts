/**
 * One acknowledged produce of one 100 B record at a time.
 */
import { Histogram, type Measure, measure } from './measure.ts';
import type { Peer } from './peer.ts';
import { Producer } from './produce-load.ts';
import { createTopic, deleteTopic } from './topics.ts';
import { makeBatch } from './wire.ts';

export async function runLatency(peer: Peer, topic: string, seconds: number): Promise<Measure> {
  await createTopic(peer, topic, 1);
  const counts = { bytes: 0, records: 0, requests: 0 };
  const histogram = new Histogram();
  const producer = await Producer.open(peer.port, topic, 0, makeBatch(1, 100), 1);
  const measured = await measure(peer, counts, histogram, () =>
    producer.run(performance.now() + seconds * 1000, counts, histogram),
  );
  producer.close();
  await deleteTopic(peer, topic);
  return { ...measured, value: measured.latencyMs?.p50 ?? 0 };
}

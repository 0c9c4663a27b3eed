/** The protocol itself, byte by byte, where clients never or rarely go. */

import { type Check, expect, expectEqual } from '../../check.ts';
import { newTopic } from '../client.ts';
import {
  Body,
  batchOf,
  fetchBody,
  frame,
  keys,
  produceBody,
  readApiVersions,
  readFetchRow,
  readProduceRow,
  type Wire,
  withWire,
} from '../wire.ts';
import type { World } from '../world.ts';

const errors = {
  offsetOutOfRange: 1,
  corruptMessage: 2,
  unknownTopicOrPartition: 3,
  invalidRequiredAcks: 21,
  unsupportedVersion: 35,
  invalidRequest: 42,
  invalidRecord: 87,
} as const;

function raw(feature: string, name: string, run: () => Promise<void>): Check {
  return { client: 'raw', feature, name, uses: ['kafkajs'], run };
}

export function protocolChecks(world: World): Check[] {
  return [
    ...negotiationChecks(world),
    ...versionChecks(world),
    ...refusedBatchChecks(world),
    ...acksChecks(world),
    ...fetchChecks(world),
    pipelineCheck(world),
  ];
}

function negotiationChecks(world: World): Check[] {
  return [
    raw('ApiVersions', 'a version of ApiVersions from the future is answered in version 0', () =>
      withWire(world.broker.port, async (wire) => {
        // A flexible header, as all later versions have: no tags. The body is anybody's guess.
        wire.send(frame(keys.apiVersions, 99, 7, Buffer.from('\x00 of the future')));
        const { correlation, body } = await wire.next();
        expectEqual(correlation, 7, 'correlation id');
        expectEqual(body.readInt16BE(0), errors.unsupportedVersion, 'error');
        // One row for ApiVersions itself: what there is to step down to.
        expectEqual(body.readInt32BE(2), 1, 'rows');
        expectEqual(body.readInt16BE(6), keys.apiVersions, 'API of the row');
        expectEqual(body.length, 12, 'bytes of the answer');
        // And the connection goes on.
        const again = await wire.ask(keys.apiVersions, 0, Buffer.alloc(0));
        expectEqual(again.readInt16BE(0), 0, 'error of the next');
      }),
    ),
    raw('ApiVersions', 'ApiVersions 0, byte by byte as recorded', () =>
      withWire(world.broker.port, async (wire) => {
        //        length   key  ver  correlation client id "kcat"
        wire.send(
          Buffer.from('0000000e 0012 0000 0000002a 0004 6b636174'.replaceAll(' ', ''), 'hex'),
        );
        const { correlation, body } = await wire.next();
        expectEqual(correlation, 42, 'correlation id');
        expectEqual(body.readInt16BE(0), 0, 'error');
        expectEqual(body.length, 6 + 6 * body.readInt32BE(2), 'bytes of the answer');
        // Produce from 0: older librdkafka compresses only then.
        expectEqual(body.toString('hex', 6, 10), '00000000', 'Produce from version 0');
      }),
    ),
    raw('ApiVersions', 'ApiVersions 3 has a flexible body behind a plain header', () =>
      withWire(world.broker.port, async (wire) => {
        // After the client id: tags of the header; software name and version, compact; tags.
        const text = '0000001a 0012 0003 00000005 0003 726177 00 04726177 04312e30 00';
        const bytes = Buffer.from(text.replaceAll(' ', ''), 'hex');
        bytes.writeInt32BE(bytes.length - 4, 0);
        wire.send(bytes);
        const { correlation, body } = await wire.next();
        expectEqual(correlation, 5, 'correlation id');
        expectEqual(body.readInt16BE(0), 0, 'error, where a tagged header would be');
        const rows = body.readUInt8(2) - 1;
        expect(rows >= 10, `rows of the compact array: ${rows}`);
      }),
    ),
  ];
}

function versionChecks(world: World): Check[] {
  return [
    raw(
      'versions',
      'every advertised API is one that clients know, and ranges are ranges',
      async () => {
        for (const [key, [min, max]] of await readApiVersions(world.broker.port)) {
          expect(key >= 0 && min >= 0 && min <= max, `API ${key}: ${min} to ${max}`);
        }
      },
    ),
    raw(
      'versions',
      'an unknown version of another API ends the connection, and only that one',
      () =>
        withWire(world.broker.port, async (bystander) => {
          await withWire(world.broker.port, async (wire) => {
            wire.send(frame(keys.metadata, 99, 1, Buffer.alloc(8)));
            await wire.closedWithin(5_000);
          });
          const answer = await bystander.ask(keys.apiVersions, 0, Buffer.alloc(0));
          expectEqual(answer.readInt16BE(0), 0, 'error');
        }),
    ),
    ...([0, 1, 2] as const).map((version) =>
      raw('versions', `Produce ${version} is refused with UNSUPPORTED_VERSION`, async () => {
        const topic = await world.createTopic(newTopic('old'));
        await withWire(world.broker.port, async (wire) => {
          const body = produceBody(version, { topic, batch: batchOf({ values: ['a'] }) });
          const row = readProduceRow(await wire.ask(keys.produce, version, body));
          expectEqual(row.error, errors.unsupportedVersion, 'error');
        });
      }),
    ),
  ];
}

function refusedBatchChecks(world: World): Check[] {
  const refused = (name: string, wanted: number, damage: (batch: Buffer) => Buffer): Check =>
    raw('damaged batches', name, async () => {
      const topic = await world.createTopic(newTopic('damaged'));
      await withWire(world.broker.port, async (wire) => {
        const batch = damage(batchOf({ values: ['one', 'two'] }));
        const answer = await wire.ask(keys.produce, 7, produceBody(7, { topic, batch }));
        expectEqual(readProduceRow(answer).error, wanted, 'error');
        const good = produceBody(7, { topic, batch: batchOf({ values: ['three'] }) });
        const row = readProduceRow(await wire.ask(keys.produce, 7, good));
        expectEqual(row, { error: 0, baseOffset: 0 }, 'what is sent afterwards');
      });
    });
  const flip =
    (at: number) =>
    (batch: Buffer): Buffer => {
      batch.writeUInt8(batch.readUInt8(at) ^ 0xff, at);
      return batch;
    };
  return [
    refused('a wrong checksum is CORRUPT_MESSAGE', errors.corruptMessage, flip(17)),
    refused('a flipped byte in a record is CORRUPT_MESSAGE', errors.corruptMessage, flip(70)),
    refused('a batch that is cut is CORRUPT_MESSAGE', errors.corruptMessage, (batch) =>
      batch.subarray(0, batch.length - 3),
    ),
    refused('two batches for one partition are INVALID_RECORD', errors.invalidRecord, (batch) =>
      Buffer.concat([batch, batch]),
    ),
    refused('no batch at all is INVALID_RECORD', errors.invalidRecord, () => Buffer.alloc(0)),
    raw('transactions', 'a transactional id is refused with INVALID_REQUEST', async () => {
      const topic = await world.createTopic(newTopic('transactional'));
      await withWire(world.broker.port, async (wire) => {
        const init = new Body().string('my-transactions').int32(60_000).done();
        const made = await wire.ask(keys.initProducerId, 1, init);
        expectEqual(made.readInt16BE(4), errors.invalidRequest, 'error of InitProducerId');
        const options = { topic, batch: batchOf({ values: ['a'] }), transactionalId: 'mine' };
        const row = readProduceRow(await wire.ask(keys.produce, 7, produceBody(7, options)));
        expectEqual(row.error, errors.invalidRequest, 'error of Produce');
      });
    }),
  ];
}

function acksChecks(world: World): Check[] {
  return [
    raw('acks', 'acks=2 is refused with INVALID_REQUIRED_ACKS', async () => {
      const topic = await world.createTopic(newTopic('acks'));
      await withWire(world.broker.port, async (wire) => {
        const body = produceBody(7, { topic, batch: batchOf({ values: ['a'] }), acks: 2 });
        const row = readProduceRow(await wire.ask(keys.produce, 7, body));
        expectEqual(row.error, errors.invalidRequiredAcks, 'error');
      });
    }),
    raw('acks', 'acks=0 is not answered, and what comes behind it is', async () => {
      const topic = await world.createTopic(newTopic('acks'));
      await withWire(world.broker.port, async (wire) => {
        const body = produceBody(7, { topic, batch: batchOf({ values: ['a'] }), acks: 0 });
        wire.send(frame(keys.produce, 7, 1, body));
        wire.send(frame(keys.apiVersions, 0, 2, Buffer.alloc(0)));
        expectEqual((await wire.next()).correlation, 2, 'the first answer is the second one');
      });
      expectEqual(await world.kafkajs.offset(world.bootstrap, topic, 0, -1), 1, 'records stored');
    }),
    raw('acks', 'acks=0 for a topic that is not there ends the connection', () =>
      withWire(world.broker.port, async (wire) => {
        const batch = batchOf({ values: ['a'] });
        const body = produceBody(7, { topic: newTopic('not-there'), batch, acks: 0 });
        wire.send(frame(keys.produce, 7, 1, body));
        await wire.closedWithin(5_000);
      }),
    ),
  ];
}

function fetchChecks(world: World): Check[] {
  const fill = async (): Promise<string> => {
    const topic = await world.createTopic(newTopic('fetch'));
    const value = 'z'.repeat(3_000);
    for (let i = 0; i < 3; i++) {
      const message = { partition: 0, key: null, value, headers: [] };
      await world.kafkajs.produce(world.bootstrap, topic, [message]);
    }
    return topic;
  };
  const fetch = (wire: Wire, topic: string, offset: number, bytesMax: number) =>
    wire.ask(keys.fetch, 4, fetchBody(topic, 0, offset, bytesMax)).then(readFetchRow);
  return [
    raw('fetch', 'one batch comes whole, however small the limit', async () => {
      const topic = await fill();
      await withWire(world.broker.port, async (wire) => {
        const { error, records } = await fetch(wire, topic, 1, 10);
        expectEqual(error, 0, 'error');
        expectEqual(Number(records.readBigInt64BE(0)), 1, 'base offset');
        expectEqual(records.length, 12 + records.readInt32BE(8), 'bytes: one batch');
      });
    }),
    raw(
      'fetch',
      'offsets before and behind the log are OFFSET_OUT_OF_RANGE, its end is not',
      async () => {
        const topic = await fill();
        await withWire(world.broker.port, async (wire) => {
          expectEqual((await fetch(wire, topic, 4, 9_000)).error, errors.offsetOutOfRange, 'at 4');
          expectEqual(
            (await fetch(wire, topic, -5, 9_000)).error,
            errors.offsetOutOfRange,
            'at -5',
          );
          const atEnd = await fetch(wire, topic, 3, 9_000);
          expectEqual([atEnd.error, atEnd.records.length], [0, 0], 'at the end');
        });
      },
    ),
    raw('fetch', 'an unknown partition is UNKNOWN_TOPIC_OR_PARTITION', () =>
      withWire(world.broker.port, async (wire) => {
        const { error } = await fetch(wire, newTopic('nowhere'), 0, 9_000);
        expectEqual(error, errors.unknownTopicOrPartition, 'error');
      }),
    ),
  ];
}

function pipelineCheck(world: World): Check {
  return raw(
    'order',
    'three hundred requests sent at once are answered in their order',
    async () => {
      const topic = await world.createTopic(newTopic('pipelined'));
      await withWire(world.broker.port, async (wire) => {
        const frames: Buffer[] = [];
        const count = 300;
        for (let i = 0; i < count; i++) {
          if (i % 3 === 2) {
            frames.push(frame(keys.apiVersions, 0, i, Buffer.alloc(0)));
          } else {
            const batch = batchOf({ values: [`${i}`] });
            frames.push(frame(keys.produce, 7, i, produceBody(7, { topic, batch })));
          }
        }
        wire.send(Buffer.concat(frames));
        let offset = 0;
        for (let i = 0; i < count; i++) {
          const { correlation, body } = await wire.next();
          expectEqual(correlation, i, 'correlation id');
          if (i % 3 === 2) continue;
          expectEqual(readProduceRow(body), { error: 0, baseOffset: offset++ }, `answer ${i}`);
        }
      });
    },
  );
}

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, it } from 'node:test';
import { SeededRandom } from '../../../simulation/random.ts';
import { type ApiName, apiKeys, apiOf } from './api-keys.ts';
import { decodeFrom } from './decode.ts';
import { lengthBytes, RequestHeader } from './frame.ts';
import { encodeLoosely, randomMessage } from './random-message.fuzz.ts';
import { Reader } from './reader.ts';
import type { DraftOf, Message } from './schema.ts';
import { apiVersionsResponse } from './schemas/api-versions.ts';
import { createTopicsResponse } from './schemas/create-topics.ts';
import { fetchResponse } from './schemas/fetch.ts';
import { listOffsetsResponse } from './schemas/list-offsets.ts';
import { metadataResponse } from './schemas/metadata.ts';
import { produceResponse } from './schemas/produce.ts';

/** The shape of kafkajs's own codec, which it does not export with types. */
interface ClientCodec {
  readonly request: { readonly apiKey: number; readonly apiVersion: number };
  readonly response: { decode(body: Buffer): Promise<Values> };
}
type Values = Readonly<Record<string, unknown>>;
interface ClientApi {
  readonly versions: readonly string[];
  protocol(options: { version: number }): (values: Values) => ClientCodec;
}

const load = createRequire(import.meta.url);
const clientApis = load('kafkajs/src/protocol/requests') as {
  readonly requests: Readonly<Record<string, ClientApi>>;
};
const frameRequest = load('kafkajs/src/protocol/request') as (options: {
  correlationId: number;
  clientId: string;
  request: unknown;
}) => Promise<{ readonly buffer: Buffer }>;

function clientApi(name: string): ClientApi {
  const api = clientApis.requests[name];
  assert.ok(api, name);
  return api;
}

/** Versions that both sides know. */
function sharedVersions(clientName: string, name: ApiName): readonly number[] {
  const api = apiOf(apiKeys[name]);
  assert.ok(api);
  const versions = clientApi(clientName).versions.map(Number);
  const shared = versions.filter((version) => version >= api.handledMin && version <= api.max);
  assert.ok(shared.length > 0, name);
  return shared;
}

/** Has kafkajs encode a request, and decodes it here. */
async function receive(clientName: string, version: number, values: Values): Promise<Values> {
  const { request } = clientApi(clientName).protocol({ version })(values);
  const { buffer } = await frameRequest({ correlationId: 3, clientId: 'kafkajs', request });
  const reader = new Reader();
  reader.reset(buffer, lengthBytes, buffer.length);
  const header = new RequestHeader();
  assert.equal(header.read(reader), 'ok');
  assert.ok(header.api);
  const decoded = decodeFrom(header.api.request, version, reader);
  assert.equal(reader.position, buffer.length, `${clientName} v${version}`);
  return decoded;
}

/** Encodes a response here, and has kafkajs decode it. */
function send<T extends Message>(
  clientName: string,
  version: number,
  schema: T,
  draft: DraftOf<T>,
): Promise<Values> {
  const body = Buffer.from(encodeLoosely(schema, version, draft));
  return clientApi(clientName).protocol({ version })({}).response.decode(body);
}

describe('requests encoded by kafkajs', () => {
  it('to produce carry topics, partitions and one batch each', async () => {
    const topicData = [
      {
        topic: 'orders',
        partitions: [{ partition: 2, firstSequence: 0, messages: [{ key: 'k', value: 'v' }] }],
      },
    ];
    const values = { acks: -1, timeout: 30_000, compression: 0, transactionalId: null, topicData };
    for (const version of sharedVersions('Produce', 'produce').filter((v) => v >= 3)) {
      const decoded = (await receive('Produce', version, values)) as {
        acks: number;
        timeoutMs: number;
        topicData: { name: string; partitionData: { index: number; records: Uint8Array }[] }[];
      };
      assert.equal(decoded.acks, -1);
      assert.equal(decoded.timeoutMs, 30_000);
      const [topic] = decoded.topicData;
      assert.equal(topic?.name, 'orders');
      assert.equal(topic.partitionData[0]?.index, 2);
      assert.equal(topic.partitionData[0].records[16], 2, 'the magic of the batch');
    }
  });

  it('to fetch carry limits, partitions and the session', async () => {
    const partitions = [
      { partition: 1, fetchOffset: '1234567890123', maxBytes: 77, currentLeaderEpoch: 4 },
    ];
    const values = {
      maxWaitTime: 500,
      minBytes: 1,
      maxBytes: 1000,
      isolationLevel: 1,
      rackId: 'r',
      topics: [{ topic: 'orders', partitions }],
    };
    for (const version of sharedVersions('Fetch', 'fetch')) {
      const decoded = await receive('Fetch', version, values);
      assert.equal(decoded['maxBytes'], 1000);
      assert.equal(decoded['isolationLevel'], 1);
      assert.equal(decoded['sessionEpoch'], -1);
      assert.equal(decoded['rackId'], version >= 11 ? 'r' : '');
      const topics = decoded['topics'] as { topic: string; partitions: Values[] }[];
      assert.equal(topics[0]?.topic, 'orders');
      assert.equal(topics[0].partitions[0]?.['fetchOffset'], 1_234_567_890_123);
      assert.equal(topics[0].partitions[0]['partitionMaxBytes'], 77);
      assert.equal(topics[0].partitions[0]['currentLeaderEpoch'], version >= 9 ? 4 : -1);
    }
  });

  it('to administer say what was asked', async () => {
    for (const version of sharedVersions('Metadata', 'metadata')) {
      const decoded = await receive('Metadata', version, {
        topics: ['a', 'b'],
        allowAutoTopicCreation: false,
      });
      const topics = decoded['topics'] as { name: string }[];
      assert.deepEqual(
        topics.map(({ name }) => name),
        ['a', 'b'],
      );
      assert.equal(decoded['allowAutoTopicCreation'], version < 4);
    }
    for (const version of sharedVersions('ListOffsets', 'listOffsets')) {
      const topics = [{ topic: 'a', partitions: [{ partition: 3, timestamp: -2 }] }];
      const decoded = await receive('ListOffsets', version, { topics });
      assert.deepEqual(decoded['topics'], [
        { name: 'a', partitions: [{ partitionIndex: 3, timestamp: -2, currentLeaderEpoch: -1 }] },
      ]);
    }
    for (const version of sharedVersions('CreateTopics', 'createTopics')) {
      const configEntries = [{ name: 'retention.ms', value: '5' }];
      const topics = [{ topic: 'a', numPartitions: 4, replicationFactor: 1, configEntries }];
      const decoded = await receive('CreateTopics', version, {
        topics,
        timeout: 9,
        validateOnly: true,
      });
      assert.deepEqual(decoded, {
        topics: [
          {
            name: 'a',
            numPartitions: 4,
            replicationFactor: 1,
            assignments: [],
            configs: configEntries,
          },
        ],
        timeoutMs: 9,
        validateOnly: version >= 1,
      });
    }
    for (const version of sharedVersions('DeleteTopics', 'deleteTopics')) {
      const decoded = await receive('DeleteTopics', version, { topics: ['a'], timeout: 9 });
      assert.deepEqual(decoded['topicNames'], ['a']);
    }
  });

  it('to begin, to find a coordinator and to get a producer id are understood', async () => {
    for (const version of sharedVersions('ApiVersions', 'apiVersions')) {
      assert.deepEqual(await receive('ApiVersions', version, {}), {
        clientSoftwareName: '',
        clientSoftwareVersion: '',
      });
    }
    for (const version of sharedVersions('GroupCoordinator', 'findCoordinator')) {
      const decoded = await receive('GroupCoordinator', version, { groupId: 'g' });
      assert.equal(decoded['key'], 'g');
      assert.equal(decoded['keyType'], 0);
    }
    for (const version of sharedVersions('InitProducerId', 'initProducerId')) {
      const decoded = await receive('InitProducerId', version, {
        transactionalId: null,
        transactionTimeout: 60_000,
      });
      assert.equal(decoded['transactionalId'], null);
      assert.equal(decoded['transactionTimeoutMs'], 60_000);
    }
  });
});

describe('responses decoded by kafkajs', () => {
  const dice = new SeededRandom(31);

  it('of Produce and ListOffsets give offsets', async () => {
    for (const version of sharedVersions('Produce', 'produce')) {
      const answer = { index: 1, errorCode: 0, baseOffset: 1234, logStartOffset: 5 };
      const decoded = await send('Produce', version, produceResponse, {
        responses: [{ name: 'orders', partitionResponses: [answer] }],
        throttleTimeMs: 0,
      });
      const [topic] = decoded['topics'] as { topicName: string; partitions: Values[] }[];
      assert.equal(topic?.topicName, 'orders');
      const offset = topic.partitions[0]?.['baseOffset'] ?? topic.partitions[0]?.['offset'];
      assert.equal(offset, '1234', `v${version}`);
    }
    for (const version of sharedVersions('ListOffsets', 'listOffsets')) {
      const decoded = await send('ListOffsets', version, listOffsetsResponse, {
        topics: [{ name: 'orders', partitions: [{ partitionIndex: 1, errorCode: 0, offset: 12 }] }],
      });
      const [topic] = decoded['responses'] as { topic: string; partitions: Values[] }[];
      assert.equal(topic?.partitions[0]?.['offset'], '12', `v${version}`);
    }
  });

  it('of Fetch give offsets, with and without aborted transactions', async () => {
    for (const version of sharedVersions('Fetch', 'fetch')) {
      const partition = {
        partitionIndex: 1,
        errorCode: 0,
        highWatermark: 10,
        lastStableOffset: 9,
        records: new Uint8Array(0),
      };
      const aborted = [{ producerId: 1000, firstOffset: 3 }];
      const decoded = await send('Fetch', version, fetchResponse, {
        responses: [
          {
            topic: 'orders',
            partitions: [
              { ...partition, abortedTransactions: aborted },
              { ...partition, abortedTransactions: null },
            ],
          },
        ],
      });
      const [topic] = decoded['responses'] as { topicName: string; partitions: Values[] }[];
      assert.equal(topic?.topicName, 'orders');
      const [first, second] = topic.partitions;
      assert.equal(first?.['highWatermark'], '10');
      const expected = [{ producerId: '1000', firstOffset: '3' }];
      assert.deepEqual(first['abortedTransactions'], expected);
      assert.deepEqual(second?.['abortedTransactions'], []);
      assert.deepEqual(second['messages'], []);
    }
  });

  it('of Metadata give brokers and leaders', async () => {
    for (const version of sharedVersions('Metadata', 'metadata')) {
      const values = randomMessage(metadataResponse, version, dice);
      const decoded = await send('Metadata', version, metadataResponse, values);
      const brokers = decoded['brokers'] as { nodeId: number; host: string }[];
      assert.deepEqual(
        brokers.map(({ nodeId, host }) => [nodeId, host]),
        values.brokers.map(({ nodeId, host }) => [nodeId, host]),
      );
      const topics = decoded['topicMetadata'] as {
        topic: string;
        partitionMetadata: { leader: number; replicas: number[] }[];
      }[];
      assert.deepEqual(
        topics.map(({ topic, partitionMetadata }) => [
          topic,
          partitionMetadata.map(({ leader, replicas }) => [leader, replicas]),
        ]),
        values.topics.map(({ name, partitions }) => [
          name,
          partitions.map(({ leaderId, replicaNodes }) => [leaderId, [...replicaNodes]]),
        ]),
      );
    }
  });

  it('of ApiVersions and CreateTopics are understood', async () => {
    for (const version of sharedVersions('ApiVersions', 'apiVersions')) {
      const apiVersions = [{ apiKey: 0, minVersion: 0, maxVersion: 13 }];
      const decoded = await send('ApiVersions', version, apiVersionsResponse, {
        errorCode: 0,
        apiKeys: apiVersions,
      });
      assert.deepEqual(decoded['apiVersions'], apiVersions);
    }
    for (const version of sharedVersions('CreateTopics', 'createTopics')) {
      const topic = { name: 'a', topicId: '', errorCode: 36, errorMessage: 'there', configs: null };
      const decoded = await send('CreateTopics', version, createTopicsResponse, {
        topics: [topic],
      });
      const [error] = decoded['topicErrors'] as { topic: string; errorCode: number }[];
      assert.equal(error?.topic, 'a');
      assert.equal(error.errorCode, 36);
    }
  });
});

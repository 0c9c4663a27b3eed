import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { ByteWriter } from '../../kernel/byte-writer.ts';
import { decodeHex, decodeUtf8, encodeHex, viewOf } from '../../kernel/bytes.ts';
import { type Api, type ApiName, apiKeys, apiOf } from './api-keys.ts';
import { decodeFrom } from './decode.ts';
import {
  beginResponse,
  endResponse,
  lengthBytes,
  measureFrame,
  RequestHeader,
  requestBytesMax,
} from './frame.ts';
import { encodeLoosely } from './random-message.fuzz.ts';
import { Reader } from './reader.ts';
import { zeroUuid } from './schema.ts';

const id = 'AAECAwQFBgcICQoLDA0ODw';
const correlationId = 7;

interface Vector {
  readonly api: Api;
  readonly version: number;
  readonly kind: string;
  readonly frame: Uint8Array;
}

const vectors = readVectors();

function readVectors(): readonly Vector[] {
  // The test runs from dist; the vectors stay beside the source.
  const folder = new URL('../../../../src/protocols/kafka/vectors/', import.meta.url);
  const lines = readdirSync(folder)
    .filter((name) => name.endsWith('.txt'))
    .flatMap((name) => readFileSync(new URL(name, folder), 'utf8').split('\n'));
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [name = '', version = '', kind = '', hex = ''] = line.split(' ');
      const api = apiOf(apiKeys[name as ApiName]);
      const frame = decodeHex(hex);
      assert.ok(api && frame, line);
      return { api, version: Number(version), kind, frame };
    });
}

function vector(name: ApiName, version: number, kind: string): Vector {
  const found = vectors.find(
    (one) => one.api.name === name && one.version === version && one.kind === kind,
  );
  assert.ok(found, `a vector ${name} ${version} ${kind}`);
  return found;
}

/** The body, once the header has been checked. */
function openFrame({ api, version, kind, frame }: Vector): Reader {
  const reader = new Reader();
  assert.equal(viewOf(frame).getInt32(0), frame.length - lengthBytes);
  reader.reset(frame, lengthBytes, frame.length);
  if (kind === 'request') {
    assert.equal(measureFrame(viewOf(frame), 0, frame.length, requestBytesMax), frame.length);
    const header = new RequestHeader();
    assert.equal(header.read(reader), 'ok');
    assert.equal(header.apiVersion, version);
    assert.equal(header.correlationId, correlationId);
    assert.equal(decodeUtf8(frame, header.clientIdStart, header.clientIdEnd), 'vector');
  } else {
    assert.equal(reader.int32(), correlationId);
    if (version >= api.flexibleSince && api.key !== apiKeys.apiVersions) reader.skipTags();
  }
  return reader;
}

function decodeVector(one: Vector): unknown {
  const reader = openFrame(one);
  const schema = one.kind === 'request' ? one.api.request : one.api.response;
  const decoded = decodeFrom(schema, one.version, reader);
  assert.equal(reader.position, one.frame.length, 'the whole frame is read');
  return decoded;
}

function requestOf(name: ApiName, version: number): unknown {
  return decodeVector(vector(name, version, 'request'));
}

describe('frames of the Java client', () => {
  it('are decoded to the last byte, and encoded again to the same bytes', () => {
    assert.ok(vectors.length >= 20);
    for (const one of vectors) {
      const { api, version, kind, frame } = one;
      const what = `${api.name} ${version} ${kind}`;
      const schema = kind === 'request' ? api.request : api.response;
      const bodyStart = openFrame(one).position;
      const body = encodeLoosely(schema, version, decodeVector(one));
      assert.equal(encodeHex(body), encodeHex(frame, bodyStart), what);
      if (kind !== 'response') continue;
      const writer = new ByteWriter();
      const at = beginResponse(writer, api.key, version >= api.flexibleSince, correlationId);
      writer.copy(body, 0, body.length);
      endResponse(writer, at, 0);
      assert.equal(encodeHex(writer.written()), encodeHex(frame), what);
    }
  });

  it('of ApiVersions 4 name the client', () => {
    assert.deepEqual(requestOf('apiVersions', 4), {
      clientSoftwareName: 'apache-kafka-java',
      clientSoftwareVersion: '4.3.0',
    });
  });

  it('of Metadata ask by name, by id, or for everything', () => {
    assert.deepEqual(requestOf('metadata', 13), {
      topics: [
        { topicId: zeroUuid, name: 'orders' },
        { topicId: id, name: null },
      ],
      allowAutoTopicCreation: false,
      includeTopicAuthorizedOperations: true,
      includeClusterAuthorizedOperations: false,
    });
    const all = requestOf('metadata', 12) as { topics: unknown; allowAutoTopicCreation: unknown };
    assert.equal(all.topics, null);
    assert.equal(all.allowAutoTopicCreation, true);
  });

  it('of Produce 12 name the topic, of 13 its id', () => {
    const { frame } = vector('produce', 13, 'request');
    // The batch, and behind it the three empty tagged sections of partition, topic and request.
    const batch = frame.slice(frame.length - 3 - 70, frame.length - 3);
    assert.equal(batch[16], 2, 'the magic of the batch');
    const partitionData = [{ index: 3, records: batch }];
    assert.deepEqual(requestOf('produce', 12), {
      transactionalId: 'tx',
      acks: -1,
      timeoutMs: 30_000,
      topicData: [{ name: 'orders', topicId: zeroUuid, partitionData }],
    });
    assert.deepEqual(requestOf('produce', 13), {
      transactionalId: null,
      acks: -1,
      timeoutMs: 30_000,
      topicData: [{ name: '', topicId: id, partitionData }],
    });
  });

  it('of Fetch 17 come from a consumer, of 18 here from a follower', () => {
    const partition = {
      partition: 3,
      currentLeaderEpoch: 4,
      fetchOffset: 1_234_567_890_123,
      lastFetchedEpoch: 2,
      logStartOffset: -1,
      partitionMaxBytes: 1_048_576,
      replicaDirectoryId: zeroUuid,
      highWatermark: Number.MAX_SAFE_INTEGER,
    };
    const consumer = {
      clusterId: null,
      replicaId: -1,
      replicaState: { replicaId: -1, replicaEpoch: -1 },
      maxWaitMs: 500,
      minBytes: 1,
      maxBytes: 52_428_800,
      isolationLevel: 1,
      sessionId: 99,
      sessionEpoch: 2,
      topics: [{ topic: '', topicId: id, partitions: [partition] }],
      forgottenTopicsData: [{ topic: '', topicId: id, partitions: [0, 1] }],
      rackId: 'r1',
    };
    assert.deepEqual(requestOf('fetch', 17), consumer);
    assert.deepEqual(requestOf('fetch', 18), {
      ...consumer,
      clusterId: 'cluster',
      replicaState: { replicaId: 5, replicaEpoch: 6 },
      topics: [
        {
          topic: '',
          topicId: id,
          partitions: [{ ...partition, replicaDirectoryId: id, highWatermark: 77 }],
        },
      ],
    });
  });

  it('of CreateTopics 7, DeleteTopics 6 and ListOffsets 10 say what was asked', () => {
    assert.deepEqual(requestOf('createTopics', 7), {
      topics: [
        {
          name: 'orders',
          numPartitions: -1,
          replicationFactor: -1,
          assignments: [{ partitionIndex: 0, brokerIds: [1] }],
          configs: [
            { name: 'retention.ms', value: '-1' },
            { name: 'cleanup.policy', value: null },
          ],
        },
      ],
      timeoutMs: 15_000,
      validateOnly: true,
    });
    assert.deepEqual(requestOf('deleteTopics', 6), {
      topics: [
        { name: 'orders', topicId: zeroUuid },
        { name: null, topicId: id },
      ],
      topicNames: [],
      timeoutMs: 15_000,
    });
    assert.deepEqual(requestOf('listOffsets', 10), {
      replicaId: -1,
      isolationLevel: 1,
      topics: [
        {
          name: 'orders',
          partitions: [{ partitionIndex: 3, currentLeaderEpoch: 4, timestamp: -1 }],
        },
      ],
      timeoutMs: 1500,
    });
  });

  it('of groups and of administration are there for every version', () => {
    const names = [
      'offsetCommit',
      'offsetFetch',
      'findCoordinator',
      'joinGroup',
      'heartbeat',
      'leaveGroup',
      'syncGroup',
      'describeGroups',
      'listGroups',
      'deleteGroups',
      'offsetDelete',
      'deleteRecords',
      'describeAcls',
      'createAcls',
      'deleteAcls',
      'describeConfigs',
      'alterConfigs',
      'describeLogDirs',
      'createPartitions',
      'incrementalAlterConfigs',
      'listPartitionReassignments',
      'describeClientQuotas',
      'listConfigResources',
      'describeTopicPartitions',
    ] as const;
    for (const name of names) {
      const api = apiOf(apiKeys[name]);
      assert.ok(api);
      for (let version = api.advertisedMin; version <= api.max; version++) {
        decodeVector(vector(name, version, 'request'));
        decodeVector(vector(name, version, 'response'));
      }
    }
  });

  it('of IncrementalAlterConfigs 1 and DescribeTopicPartitions 0 say what was asked', () => {
    const configs = [
      { name: 'cleanup.policy', configOperation: 2, value: 'compact' },
      { name: 'flush.ms', configOperation: 1, value: null },
    ];
    assert.deepEqual(requestOf('incrementalAlterConfigs', 1), {
      resources: [{ resourceType: 2, resourceName: 'orders', configs }],
      validateOnly: false,
    });
    assert.deepEqual(requestOf('describeTopicPartitions', 0), {
      topics: [{ name: 'orders' }],
      responsePartitionLimit: 100,
      cursor: { topicName: 'orders', partitionIndex: 5 },
    });
  });

  it('of DescribeConfigs 4 and DescribeLogDirs 5 say what there is', () => {
    const synonyms = [
      { name: 'retention.ms', value: '5', source: 1 },
      { name: 'log.retention.hours', value: null, source: 5 },
    ];
    const config = {
      name: 'retention.ms',
      value: '5',
      readOnly: false,
      isDefault: false,
      configSource: 1,
      isSensitive: false,
      synonyms,
      configType: 5,
      documentation: 'text',
    };
    const resource = { resourceType: 2, resourceName: 'orders', configs: [config] };
    assert.deepEqual(decodeVector(vector('describeConfigs', 4, 'response')), {
      throttleTimeMs: 0,
      results: [{ errorCode: 0, errorMessage: null, ...resource }],
    });
    const partition = {
      partitionIndex: 3,
      partitionSize: 1_234_567_890_123,
      offsetLag: 0,
      isFutureKey: false,
    };
    const folder = {
      errorCode: 0,
      logDir: '/data',
      topics: [{ name: 'orders', partitions: [partition] }],
      totalBytes: 1000,
      usableBytes: 900,
      isCordoned: true,
    };
    assert.deepEqual(decodeVector(vector('describeLogDirs', 5, 'response')), {
      throttleTimeMs: 0,
      errorCode: 0,
      results: [folder],
    });
  });

  it('of JoinGroup 9 say who joins with what, of 0 less', () => {
    const protocols = [
      { name: 'range', metadata: new Uint8Array([0, 1, 2]) },
      { name: 'roundrobin', metadata: new Uint8Array(0) },
    ];
    const always = {
      groupId: 'group',
      sessionTimeoutMs: 45_000,
      memberId: 'member',
      protocolType: 'consumer',
    };
    assert.deepEqual(requestOf('joinGroup', 9), {
      ...always,
      protocols,
      rebalanceTimeoutMs: 300_000,
      groupInstanceId: 'instance',
      reason: 'because',
    });
    assert.deepEqual(requestOf('joinGroup', 0), {
      ...always,
      protocols,
      rebalanceTimeoutMs: -1,
      groupInstanceId: null,
      reason: null,
    });
  });

  it('of OffsetCommit and OffsetFetch 10 name topics by id, before by name', () => {
    const partitions = [
      {
        partitionIndex: 3,
        committedOffset: 1_234_567_890_123,
        committedLeaderEpoch: 5,
        committedMetadata: 'note',
      },
      { partitionIndex: 4, committedOffset: 0, committedLeaderEpoch: -1, committedMetadata: null },
    ];
    const member = {
      groupId: 'group',
      generationId: 9,
      memberId: 'member',
      groupInstanceId: 'instance',
      retentionTimeMs: -1,
    };
    const byId = { ...member, topics: [{ name: '', topicId: id, partitions }] };
    assert.deepEqual(requestOf('offsetCommit', 10), byId);
    const byName = { ...member, topics: [{ name: 'orders', topicId: zeroUuid, partitions }] };
    assert.deepEqual(requestOf('offsetCommit', 9), byName);
    const all = { groupId: 'other', memberId: null, memberEpoch: -1, topics: null };
    const partitionIndexes = [3, 4];
    assert.deepEqual(requestOf('offsetFetch', 10), {
      groupId: '',
      topics: [],
      groups: [
        {
          groupId: 'group',
          memberId: 'member',
          memberEpoch: 9,
          topics: [{ name: '', topicId: id, partitionIndexes }],
        },
        all,
      ],
      requireStable: true,
    });
    assert.deepEqual(requestOf('offsetFetch', 5), {
      groupId: 'group',
      topics: null,
      groups: [],
      requireStable: false,
    });
  });
});

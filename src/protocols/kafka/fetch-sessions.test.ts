import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TestLoop, TestRandom } from '../../broker/broker.fixture.ts';
import { kafkaErrors } from './error-codes.ts';
import { FetchSessions } from './fetch-sessions.ts';
import { FetchTarget, TopicRef } from './fetch-target.ts';
import {
  batchOf,
  type FetchExtra,
  fetchDraft,
  KafkaBench,
  recordsIn,
  type TestClient,
} from './kafka.fixture.ts';

type Targets = Parameters<typeof fetchDraft>[0];

function started(partitions = 2) {
  const bench = new KafkaBench();
  const topic = bench.topic('t', {}, partitions);
  return { bench, topic, client: bench.connect(), producer: bench.connect() };
}

/** The session's answer, and the partitions that it names with what they brought. */
function fetchIn(client: TestClient, targets: Targets, extra: FetchExtra) {
  const { errorCode, sessionId, responses } = client.call(
    'fetch',
    extra.version ?? 12,
    fetchDraft(targets, extra),
  );
  const named = responses.flatMap(({ partitions }) =>
    partitions.map(({ partitionIndex, records }) => [partitionIndex, ...recordsIn(records)]),
  );
  return { errorCode, sessionId, named };
}

const both: Targets = [
  ['t', 0, 0],
  ['t', 1, 0],
];

function begin(client: TestClient, targets: Targets = both, extra: FetchExtra = {}): number {
  const { errorCode, sessionId } = fetchIn(client, targets, { ...extra, sessionEpoch: 0 });
  assert.equal(errorCode, kafkaErrors.none);
  assert.ok(sessionId > 0, 'a session has begun');
  return sessionId;
}

describe('a fetch session [KIP-227]', () => {
  it('begins with all partitions, news or not', () => {
    const { client, producer } = started();
    producer.produce('t', batchOf(['a']), { partition: 1 });
    const { sessionId, named } = fetchIn(client, both, { sessionEpoch: 0 });
    assert.ok(sessionId > 0);
    assert.deepEqual(named, [[0], [1, '0:a']]);
  });

  it('then names only partitions with records, a new high watermark or log start, or an error', () => {
    const { bench, client, producer, topic } = started();
    const sessionId = begin(client);
    assert.deepEqual(fetchIn(client, [], { sessionId, sessionEpoch: 1 }).named, []);

    producer.produce('t', batchOf(['a']), { partition: 1 });
    assert.deepEqual(fetchIn(client, [], { sessionId, sessionEpoch: 2 }).named, [[1, '0:a']]);

    // Nothing to read behind it, but the high watermark is news of the first look.
    producer.produce('t', batchOf(['b']), { partition: 0 });
    const ahead: Targets = [
      ['t', 0, 1],
      ['t', 1, 1],
    ];
    assert.deepEqual(fetchIn(client, ahead, { sessionId, sessionEpoch: 3 }).named, [[0]]);
    assert.deepEqual(fetchIn(client, [], { sessionId, sessionEpoch: 4 }).named, []);

    const [partition] = topic.partitions;
    assert.ok(partition);
    bench.broker.deleteRecords(partition, 1);
    bench.settle();
    assert.deepEqual(fetchIn(client, [], { sessionId, sessionEpoch: 5 }).named, [[0]]);
    assert.deepEqual(fetchIn(client, [], { sessionId, sessionEpoch: 6 }).named, []);

    const wrong: Targets = [['t', 0, 99]];
    assert.deepEqual(fetchIn(client, wrong, { sessionId, sessionEpoch: 7 }).named, [[0]]);
    assert.deepEqual(fetchIn(client, [], { sessionId, sessionEpoch: 8 }).named, [[0]], 'again');
    assert.deepEqual(fetchIn(client, ahead, { sessionId, sessionEpoch: 9 }).named, [[0]], 'gone');
    assert.deepEqual(fetchIn(client, [], { sessionId, sessionEpoch: 10 }).named, []);
  });

  it('takes partitions in and forgets them', () => {
    const { client, producer } = started(3);
    for (const partition of [0, 1, 2]) producer.produce('t', batchOf(['x']), { partition });
    const sessionId = begin(client);
    const { named } = fetchIn(client, [['t', 2, 0]], {
      sessionId,
      sessionEpoch: 1,
      forgotten: [
        ['t', 1],
        ['t', 9],
      ],
    });
    assert.deepEqual(named, [
      [0, '0:x'],
      [2, '0:x'],
    ]);
  });

  it('serves those first that had to stand back', () => {
    const { client, producer } = started();
    for (const partition of [0, 1]) {
      for (let i = 0; i < 3; i++) producer.produce('t', batchOf([`${i}`]), { partition });
    }
    const small = { maxBytes: 1 };
    const sessionId = begin(client, both, small);
    const served = [1, 2, 3, 4].map(
      (sessionEpoch) => fetchIn(client, [], { ...small, sessionId, sessionEpoch }).named[0]?.[0],
    );
    assert.deepEqual(served, [1, 0, 1, 0]);
  });

  it('refuses an epoch that is not the next one', () => {
    const { client } = started();
    const sessionId = begin(client);
    for (const sessionEpoch of [2, 7]) {
      const { errorCode } = fetchIn(client, [], { sessionId, sessionEpoch });
      assert.equal(errorCode, kafkaErrors.invalidFetchSessionEpoch);
    }
    assert.equal(fetchIn(client, [], { sessionId, sessionEpoch: 1 }).errorCode, kafkaErrors.none);
    const { errorCode } = fetchIn(client, [], { sessionId, sessionEpoch: 1 });
    assert.equal(errorCode, kafkaErrors.invalidFetchSessionEpoch, 'an epoch is used once');
  });

  it('is not found under an id that there is not', () => {
    const { client } = started();
    const answer = fetchIn(client, [], { sessionId: 12345, sessionEpoch: 1 });
    assert.deepEqual(answer, {
      errorCode: kafkaErrors.fetchSessionIdNotFound,
      sessionId: 0,
      named: [],
    });
  });

  it('ends when it is closed, or when its client begins another', () => {
    const { client } = started();
    const first = begin(client);
    const last = fetchIn(client, both, { sessionId: first, sessionEpoch: -1 });
    assert.equal(last.sessionId, 0);
    assert.deepEqual(last.named, [[0], [1]], 'the closing request is still answered');
    const second = begin(client);
    const third = fetchIn(client, both, { sessionId: second, sessionEpoch: 0 }).sessionId;
    for (const sessionId of [first, second]) {
      const { errorCode } = fetchIn(client, [], { sessionId, sessionEpoch: 1 });
      assert.equal(errorCode, kafkaErrors.fetchSessionIdNotFound);
    }
    assert.equal(fetchIn(client, [], { sessionId: third, sessionEpoch: 1 }).errorCode, 0);
  });

  it('ends when nothing is left in it', () => {
    const { client } = started();
    const sessionId = begin(client);
    const forgotten = [
      ['t', 0],
      ['t', 1],
    ] as const;
    const answer = fetchIn(client, [], { sessionId, sessionEpoch: 1, forgotten, maxWaitMs: 9999 });
    assert.deepEqual(answer, { errorCode: kafkaErrors.none, sessionId: 0, named: [] });
    const { errorCode } = fetchIn(client, [], { sessionId, sessionEpoch: 2 });
    assert.equal(errorCode, kafkaErrors.fetchSessionIdNotFound);
  });

  it('belongs to the broker, not to a connection', () => {
    const { bench, client } = started();
    const sessionId = begin(client);
    client.socket.close();
    const other = bench.connect();
    assert.equal(fetchIn(other, [], { sessionId, sessionEpoch: 1 }).errorCode, kafkaErrors.none);
  });

  it('keeps to names or to ids [KIP-516]', () => {
    const { client, topic } = started();
    const named = begin(client);
    const byId = fetchIn(client, [], { version: 13, sessionId: named, sessionEpoch: 1 });
    assert.equal(byId.errorCode, kafkaErrors.fetchSessionTopicIdError);
    const withIds = begin(client, [[topic.uuidText, 0, 0]], { version: 13 });
    const byName = fetchIn(client, [], { sessionId: withIds, sessionEpoch: 1 });
    assert.equal(byName.errorCode, kafkaErrors.fetchSessionTopicIdError);
  });

  it('finds the topic of an id as soon as it is there, and loses it when it is gone [KIP-516]', () => {
    const { bench, client, topic } = started();
    const sessionId = begin(client, [[topic.uuidText, 0, 0]], { version: 13 });
    bench.broker.deleteTopic(topic);
    bench.topic('t');
    const draft = fetchDraft([], { version: 13, sessionId, sessionEpoch: 1 });
    const { responses } = client.call('fetch', 13, draft);
    assert.equal(responses[0]?.partitions[0]?.errorCode, kafkaErrors.unknownTopicId);
  });

  it('wakes a waiting fetch for partitions that only it knows', () => {
    const { bench, client, producer } = started();
    const sessionId = begin(client);
    const draft = fetchDraft([], { sessionId, sessionEpoch: 1, maxWaitMs: 10_000 });
    const id = client.send('fetch', 12, draft);
    bench.settle();
    assert.deepEqual(client.answers(), []);
    producer.produce('t', batchOf(['a']), { partition: 1 });
    const { responses } = client.answer<'fetch'>(id);
    assert.equal(responses.length, 1);
    bench.assertUnwatched('t');
  });

  it('is declined for a name that no topic can have, and the fetch is answered without it', () => {
    const { client } = started();
    const name = 'x'.repeat(30_000);
    const { sessionId, named } = fetchIn(client, [[name, 0, 0]], { sessionEpoch: 0 });
    assert.equal(sessionId, 0);
    assert.equal(named.length, 1);
    const session = begin(client);
    const grown = fetchIn(client, [[name, 0, 0]], { sessionId: session, sessionEpoch: 1 });
    assert.equal(grown.errorCode, kafkaErrors.fetchSessionIdNotFound);
  });
});

describe('a fetch target', () => {
  it('has a short key, however long the name is that its client made up', () => {
    const source = Buffer.from('x'.repeat(40_000));
    const long = new FetchTarget(new TopicRef(source, 10, 30_000, false), 3);
    const other = new FetchTarget(new TopicRef(source, 11, 30_000, false), 3);
    assert.ok(long.key.length < 50);
    assert.notEqual(long.key, other.key);
    assert.equal(long.topic.bytes.length, 29_990, 'the answer repeats it all the same');
    const longest = new TopicRef(source, 0, 249, false);
    assert.equal(longest.text, 'x'.repeat(249));
  });
});

describe('the sessions of a broker', () => {
  const topic = new TopicRef(Buffer.from('t'), 0, 1, false);

  function targets(count: number): Map<string, FetchTarget> {
    const found = new Map<string, FetchTarget>();
    for (let i = 0; i < count; i++) found.set(`t ${i}`, new FetchTarget(topic, i));
    return found;
  }

  function fresh() {
    const loop = new TestLoop();
    return { loop, sessions: new FetchSessions(loop, new TestRandom(3)) };
  }

  it('are at most a thousand; one idle for two minutes makes room, the longest idle first', () => {
    const { loop, sessions } = fresh();
    const first = sessions.begin(false, targets(1));
    const second = sessions.begin(false, targets(1));
    while (sessions.count < 1000) assert.ok(sessions.begin(false, targets(1)));
    loop.advance(119_999);
    assert.ok(first && second);
    sessions.find(first.id);
    assert.equal(sessions.begin(false, targets(1)), null, 'all are in use');
    loop.advance(1);
    assert.ok(sessions.begin(false, targets(1)));
    assert.equal(sessions.count, 1000);
    assert.ok(sessions.find(first.id), 'the one used meanwhile stays');
    assert.equal(sessions.find(second.id), undefined);
  });

  it('hold a bounded number of partitions, each and together', () => {
    const { loop, sessions } = fresh();
    assert.equal(sessions.begin(false, targets(100_001)), null);
    for (let i = 0; i < 5; i++) assert.ok(sessions.begin(false, targets(100_000)));
    assert.equal(sessions.begin(false, targets(1)), null);
    loop.advance(120_000);
    assert.ok(sessions.begin(false, targets(1)));
    assert.equal(sessions.targetCount, 400_001);
  });

  it('lose one that outgrows its room, and count what changes', () => {
    const { sessions } = fresh();
    const session = sessions.begin(false, targets(10));
    assert.ok(session);
    session.targets.delete('t 0');
    assert.equal(sessions.recount(session), true);
    assert.equal(sessions.targetCount, 9);
    for (const [key, target] of targets(100_001)) session.targets.set(key, target);
    assert.equal(sessions.recount(session), false);
    assert.equal(sessions.targetCount, 0);
    assert.equal(sessions.find(session.id), undefined);
  });

  it('count epochs from 2147483647 on to 1', () => {
    const session = fresh().sessions.begin(false, targets(1));
    assert.ok(session);
    session.epoch = 0x7fff_ffff;
    session.advance();
    assert.equal(session.epoch, 1);
  });
});

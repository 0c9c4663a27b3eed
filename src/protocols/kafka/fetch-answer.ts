/**
 * The answer to a fetch: head and partition headers are staged, records are streamed between them.
 *
 * Owns: which partitions an answer names, their order, what a session remembers of what it said.
 */
import type { Link } from '../contract.ts';
import { kafkaErrors } from './error-codes.ts';
import { FetchResponse } from './fetch-response.ts';
import type { FetchTarget, PlannedTarget } from './fetch-target.ts';
import type { AnswerHead } from './request.ts';

export interface FetchOutcome {
  /** 0: no session. */
  readonly sessionId: number;
  readonly planned: readonly PlannedTarget[];
  /** Only what has news is named. */
  readonly isIncremental: boolean;
  readonly isReadCommitted: boolean;
  /** What "not found" waits for; no topic's LSN is higher. */
  readonly catalogLsn: number;
}

export class FetchAnswer {
  readonly #response = new FetchResponse();
  /** The targets that the answer at hand names. */
  readonly #named: PlannedTarget[] = [];

  /** The session is not what the client believes; nothing else is said. */
  refuse(link: Link, head: AnswerHead, errorCode: number): void {
    const response = this.#response;
    response.begin(link.outbox.writer, head.version, head.correlationId, 0);
    response.session(errorCode, 0, 0);
    response.end();
    link.outbox.seal(0);
  }

  write(link: Link, head: AnswerHead, outcome: FetchOutcome): void {
    const named = this.#named;
    named.length = 0;
    let lsn = 0;
    for (const planned of outcome.planned) {
      const { partition, error } = planned.target;
      // That a topic is there, or is not, has to be committed before it is said.
      if (error !== kafkaErrors.none || partition === null) lsn = Math.max(lsn, outcome.catalogLsn);
      else lsn = Math.max(lsn, partition.topic.lastLsn);
      if (!outcome.isIncremental || hasNews(planned)) named.push(planned);
    }
    const response = this.#response;
    response.begin(link.outbox.writer, head.version, head.correlationId, 0);
    response.session(kafkaErrors.none, outcome.sessionId, countRuns(named));
    for (let i = 0; i < named.length; ) i = this.#writeTopic(link, i, outcome.isReadCommitted);
    response.end();
    link.outbox.seal(lsn);
  }

  /** Writes the run of partitions of one topic that begins at `from`; returns where the next begins. */
  #writeTopic(link: Link, from: number, isReadCommitted: boolean): number {
    const named = this.#named;
    const topic = named[from]?.target.topic;
    if (topic === undefined) return named.length;
    let end = from;
    while (end < named.length && named[end]?.target.topic.text === topic.text) end += 1;
    const response = this.#response;
    if (topic.isId) response.topicId(topic.bytes, 0, end - from);
    else response.topicName(topic.bytes, 0, topic.bytes.length, end - from);
    for (let i = from; i < end; i++) {
      const planned = named[i];
      if (planned !== undefined) this.#writePartition(link, planned, isReadCommitted);
    }
    response.endTopic();
    return end;
  }

  #writePartition(link: Link, { target, stream }: PlannedTarget, isReadCommitted: boolean): void {
    const response = this.#response;
    const { partition, error } = target;
    const isKnown = partition !== null && error === kafkaErrors.none;
    const highWatermark = isKnown ? partition.highWatermark : -1;
    const logStart = isKnown ? partition.logStart : -1;
    // Nothing is transactional: the last stable offset is the high watermark, and nothing was aborted.
    const aborted = isReadCommitted ? 0 : -1;
    response.partition(target.index, error, highWatermark, highWatermark, logStart, aborted);
    response.records(-1, stream?.plan.bytes ?? 0, true);
    if (stream !== null) link.outbox.stream(stream);
    response.endPartition();
    target.toldHighWatermark = highWatermark;
    target.toldLogStart = logStart;
  }
}

/** Topics of an answer are runs: the same one may come twice, in the order of its partitions. */
function countRuns(named: readonly PlannedTarget[]): number {
  let runs = 0;
  named.forEach(({ target }, i) => {
    if (named[i - 1]?.target.topic.text !== target.topic.text) runs += 1;
  });
  return runs;
}

function hasNews({ target, stream }: PlannedTarget): boolean {
  if (stream !== null || target.error !== kafkaErrors.none) return true;
  return isChanged(target);
}

function isChanged({ partition, toldHighWatermark, toldLogStart }: FetchTarget): boolean {
  if (partition === null) return true;
  return partition.highWatermark !== toldHighWatermark || partition.logStart !== toldLogStart;
}

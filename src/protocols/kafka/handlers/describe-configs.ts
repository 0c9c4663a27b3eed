/** DescribeConfigs: the settings of topics and of this broker; nothing else has any. */
import { isTopicName } from '../../../broker/index.ts';
import { assert } from '../../../kernel/assert.ts';
import type { Link } from '../../contract.ts';
import { brokerConfigs } from '../broker-configs.ts';
import {
  type ConfigEntry,
  configResources,
  configSourceOf,
  configSources,
  configTypeNumber,
} from '../config-entry.ts';
import { findBrokerNameFault, type ResourceFault, resourceFault } from '../config-resource.ts';
import { encode } from '../encode.ts';
import { kafkaErrors } from '../error-codes.ts';
import { beginResponse, endResponse } from '../frame.ts';
import { type AnswerHead, bodyOf, type ConnectionLife, type KafkaRequest } from '../request.ts';
import type { DecodedOf, DraftOf, ElementDraft } from '../schema.ts';
import { describeConfigsRequest, describeConfigsResult } from '../schemas/describe-configs.ts';
import type { KafkaServices } from '../services.ts';
import { topicConfigs } from '../topic-configs.ts';
import { writeArrayCount } from '../writer.ts';

type Body = DecodedOf<typeof describeConfigsRequest>;
type Asked = Body['resources'][number];
type Config = ElementDraft<DraftOf<typeof describeConfigsResult>['configs']>;

/** Resources described by one answer: each may take ten kilobytes of it. */
const resourcesPerRequestMax = 10_000;

/** Settings that are written before others have their turn. */
const configsPerTurn = 2000;

export function handleDescribeConfigs(request: KafkaRequest): void {
  new ConfigListing(request).run();
}

/**
 * An answer that is written piece by piece: that for all topics of a large broker takes as long as many
 * requests of others. The request is parked until its last piece.
 */
class ConfigListing {
  readonly #services: KafkaServices;
  readonly #link: Link;
  readonly #life: ConnectionLife;
  readonly #head: AnswerHead;
  readonly #body: Body;
  readonly #frameStart: number;
  /** Of this broker: computed once. */
  #own: readonly ConfigEntry[] | null = null;
  #next = 0;

  constructor(request: KafkaRequest) {
    const { services, link, life, head } = request;
    this.#services = services;
    this.#link = link;
    this.#life = life;
    this.#head = head;
    this.#body = bodyOf(request, describeConfigsRequest);
    const { writer } = link.outbox;
    this.#frameStart = beginResponse(writer, head.apiKey, head.isFlexible, head.correlationId);
    writer.int32(0); // throttleTimeMs
    writeArrayCount(writer, head.isFlexible, this.#body.resources.length);
  }

  run(): void {
    const { resources } = this.#body;
    let written = 0;
    while (this.#next < resources.length && !this.#life.isClosed) {
      if (written >= configsPerTurn) {
        this.#services.scheduler.nextSlice(() => this.run());
        if (!this.#link.isHeld) this.#link.hold();
        return;
      }
      written += 1 + this.#write(this.#next);
      this.#next++;
    }
    if (!this.#life.isClosed) this.#finish();
  }

  #finish(): void {
    const { writer } = this.#link.outbox;
    if (this.#head.isFlexible) writer.uint8(0); // no tagged fields
    endResponse(writer, this.#frameStart, 0);
    this.#link.outbox.seal(this.#services.broker.catalogLsn);
    if (this.#link.isHeld) this.#link.resume();
  }

  /** Returns how many settings were written. */
  #write(index: number): number {
    const asked = this.#body.resources[index];
    assert(asked !== undefined, 'a resource that was asked for');
    const found =
      index < resourcesPerRequestMax
        ? this.#entriesOf(asked)
        : resourceFault(kafkaErrors.policyViolation, 'too many resources at once');
    const { resourceType, resourceName } = asked;
    const configs = isEntries(found)
      ? pick(found, asked).map((entry) => describe(entry, this.#body))
      : [];
    const fault = isEntries(found) ? noFault : found;
    const draft = { ...fault, resourceType, resourceName, configs };
    encode(describeConfigsResult, this.#head.version, draft, this.#link.outbox.writer);
    return configs.length;
  }

  #entriesOf({ resourceType, resourceName: name }: Asked): Found {
    const { broker } = this.#services;
    switch (resourceType) {
      case configResources.topic:
        return topicEntries(broker, name);
      case configResources.broker:
        // No name: what was set for all brokers at run time, and nothing can be.
        if (name === '') return [];
        return findBrokerNameFault(broker, name) ?? this.#ownEntries();
      case configResources.brokerLogger:
        return findBrokerNameFault(broker, name) ?? [];
      case configResources.clientMetrics:
      case configResources.group:
        return name === '' ? resourceFault(kafkaErrors.invalidRequest, 'a name is missing') : [];
      default:
        return resourceFault(
          kafkaErrors.invalidRequest,
          `resource type ${resourceType} is unknown`,
        );
    }
  }

  #ownEntries(): readonly ConfigEntry[] {
    this.#own ??= brokerConfigs(this.#services.broker, this.#link);
    return this.#own;
  }
}

const noFault = { errorCode: kafkaErrors.none, errorMessage: null } as const;

type Found = readonly ConfigEntry[] | ResourceFault;

function isEntries(found: Found): found is readonly ConfigEntry[] {
  return Array.isArray(found);
}

function topicEntries(broker: KafkaServices['broker'], name: string): Found {
  const topic = broker.topic(name);
  if (topic !== undefined) return topicConfigs(broker, topic.overrides);
  return isTopicName(name)
    ? resourceFault(kafkaErrors.unknownTopicOrPartition, 'there is no such topic')
    : resourceFault(kafkaErrors.invalidTopicException, 'this is no name of a topic');
}

/** An empty list of keys is as good as none, as in Kafka. */
function pick(entries: readonly ConfigEntry[], { configurationKeys: keys }: Asked) {
  if (keys === null || keys.length === 0) return entries;
  const wanted = new Set(keys);
  return entries.filter(({ name }) => wanted.has(name));
}

function describe(entry: ConfigEntry, { includeSynonyms, includeDocumentation }: Body): Config {
  const { name, value, isReadOnly, synonyms, type, text } = entry;
  const source = configSourceOf(entry);
  return {
    name,
    value,
    readOnly: isReadOnly,
    isDefault: isReadOnly ? source === configSources.default : source !== configSources.topic,
    configSource: source,
    isSensitive: false,
    synonyms: includeSynonyms ? synonyms : [],
    configType: configTypeNumber(type),
    documentation: includeDocumentation ? text : null,
  };
}

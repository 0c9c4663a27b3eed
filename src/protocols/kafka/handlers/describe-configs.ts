/** DescribeConfigs: the settings of topics and of this broker; nothing else has any. */
import { isTopicName } from '../../../broker/index.ts';
import { brokerConfigs } from '../broker-configs.ts';
import {
  type ConfigEntry,
  configResources,
  configSourceOf,
  configSources,
  configTypeNumber,
} from '../config-entry.ts';
import { findBrokerNameFault, type ResourceFault, resourceFault } from '../config-resource.ts';
import { kafkaErrors } from '../error-codes.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import type { DecodedOf, DraftOf, ElementDraft } from '../schema.ts';
import { describeConfigsRequest, describeConfigsResponse } from '../schemas/describe-configs.ts';
import { topicConfigs } from '../topic-configs.ts';

type Body = DecodedOf<typeof describeConfigsRequest>;
type Asked = Body['resources'][number];
type Result = ElementDraft<DraftOf<typeof describeConfigsResponse>['results']>;
type Config = ElementDraft<Result['configs']>;

/** Resources described by one answer: each may take ten kilobytes of it. */
const resourcesPerRequestMax = 10_000;

export function handleDescribeConfigs(request: KafkaRequest): void {
  const { services, link, head } = request;
  const body = bodyOf(request, describeConfigsRequest);
  const results = body.resources.map((asked, index): Result => {
    const { resourceType, resourceName } = asked;
    const found =
      index < resourcesPerRequestMax
        ? entriesOf(request, asked)
        : resourceFault(kafkaErrors.policyViolation, 'too many resources at once');
    if (!isEntries(found)) return { ...found, resourceType, resourceName, configs: [] };
    const configs = pick(found, asked).map((entry) => describe(entry, body));
    const { none: errorCode } = kafkaErrors;
    return { errorCode, errorMessage: null, resourceType, resourceName, configs };
  });
  answer(link, head, describeConfigsResponse, { results }, services.broker.catalogLsn);
}

type Found = readonly ConfigEntry[] | ResourceFault;

function isEntries(found: Found): found is readonly ConfigEntry[] {
  return Array.isArray(found);
}

function entriesOf({ services, link }: KafkaRequest, asked: Asked): Found {
  const { broker } = services;
  const { resourceType, resourceName: name } = asked;
  switch (resourceType) {
    case configResources.topic:
      return topicEntries(broker, name);
    case configResources.broker:
      // No name: what was set for all brokers at run time, and nothing can be.
      if (name === '') return [];
      return findBrokerNameFault(broker, name) ?? brokerConfigs(broker, link);
    case configResources.brokerLogger:
      return findBrokerNameFault(broker, name) ?? [];
    case configResources.clientMetrics:
    case configResources.group:
      return name === '' ? resourceFault(kafkaErrors.invalidRequest, 'a name is missing') : [];
    default:
      return resourceFault(kafkaErrors.invalidRequest, `resource type ${resourceType} is unknown`);
  }
}

function topicEntries(broker: KafkaRequest['services']['broker'], name: string): Found {
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

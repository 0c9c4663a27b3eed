/**
 * IncrementalAlterConfigs, and AlterConfigs, which says all that is set from now on.
 *
 * A resource changes as a whole or not at all, each on its own. Only topics can be changed: a broker is
 * told its settings when it starts.
 */
import { isTopicName, type Topic } from '../../../broker/index.ts';
import {
  type ConfigChange,
  changedOverrides,
  configOperations,
  isListOption,
  isSameOverrides,
  type Overrides,
} from '../config-changes.ts';
import { configResources } from '../config-entry.ts';
import { findBrokerNameFault, type ResourceFault, resourceFault } from '../config-resource.ts';
import { kafkaErrors } from '../error-codes.ts';
import { describeError, toKafkaError } from '../errors.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import type { DecodedOf } from '../schema.ts';
import {
  alterConfigsRequest,
  alterConfigsResponse,
  incrementalAlterConfigsRequest,
  incrementalAlterConfigsResponse,
} from '../schemas/alter-configs.ts';
import type { KafkaServices } from '../services.ts';

interface Resource {
  readonly resourceType: number;
  readonly resourceName: string;
}

interface Row extends Resource {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

interface Changed {
  readonly fault: ResourceFault | null;
  readonly lsn: number;
}

type Whole = DecodedOf<typeof alterConfigsRequest>['resources'][number];
type Stepwise = DecodedOf<typeof incrementalAlterConfigsRequest>['resources'][number];

const { invalidConfig, invalidRequest } = kafkaErrors;

export function handleAlterConfigs(request: KafkaRequest): void {
  const { services, link, head } = request;
  const { resources, validateOnly } = bodyOf(request, alterConfigsRequest);
  const { rows, lsn } = changeEach(services, resources, (resource) =>
    replaceAll(services, resource, validateOnly),
  );
  answer(link, head, alterConfigsResponse, { responses: rows }, lsn);
}

export function handleIncrementalAlterConfigs(request: KafkaRequest): void {
  const { services, link, head } = request;
  const { resources, validateOnly } = bodyOf(request, incrementalAlterConfigsRequest);
  const { rows, lsn } = changeEach(services, resources, (resource) =>
    changeSome(services, resource, validateOnly),
  );
  answer(link, head, incrementalAlterConfigsResponse, { responses: rows }, lsn);
}

/** A resource that is named twice is not touched. */
function changeEach<R extends Resource>(
  { broker }: KafkaServices,
  resources: readonly R[],
  change: (resource: R) => Changed,
): { readonly rows: Row[]; readonly lsn: number } {
  const counts = new Map<string, number>();
  for (const each of resources) counts.set(keyOf(each), (counts.get(keyOf(each)) ?? 0) + 1);
  // What is not found may be gone by an entry that is not committed yet.
  let lsn = broker.catalogLsn;
  const rows = resources.map((resource): Row => {
    const { resourceType, resourceName } = resource;
    const isTwice = counts.get(keyOf(resource)) !== 1;
    const changed = isTwice ? refused(invalidRequest, 'named twice') : change(resource);
    lsn = Math.max(lsn, changed.lsn);
    const fault = changed.fault ?? { errorCode: kafkaErrors.none, errorMessage: null };
    return { ...fault, resourceType, resourceName };
  });
  return { rows, lsn };
}

function keyOf({ resourceType, resourceName }: Resource): string {
  return `${resourceType} ${resourceName}`;
}

function replaceAll(services: KafkaServices, resource: Whole, validateOnly: boolean): Changed {
  // What the logs say is not something that was ever set as a whole.
  if (resource.resourceType === configResources.brokerLogger) return unknownType(resource);
  const changes = resource.configs.map(({ name, value }) => {
    return { name, value, configOperation: configOperations.set };
  });
  return changeResource(services, { ...resource, configs: changes }, (topic, given) =>
    setOverrides(
      services,
      topic,
      changedOverrides(new Map(), given, () => ''),
      validateOnly,
    ),
  );
}

function changeSome(services: KafkaServices, resource: Stepwise, validateOnly: boolean): Changed {
  return changeResource(services, resource, (topic, changes) => {
    const { broker } = services;
    const overrides = changedOverrides(topic.overrides, changes, (name) =>
      broker.topicDefault(name),
    );
    return setOverrides(services, topic, overrides, validateOnly);
  });
}

function changeResource(
  services: KafkaServices,
  resource: Stepwise,
  change: (topic: Topic, changes: readonly ConfigChange[]) => Changed,
): Changed {
  const fault = findFormFault(resource);
  if (fault !== null) return { fault, lsn: 0 };
  const { resourceType, resourceName } = resource;
  if (resourceType !== configResources.topic) return refuseOther(services, resource);
  const topic = services.broker.topic(resourceName);
  if (topic === undefined) return refuseMissing(resourceName);
  const changes = resource.configs.map(({ name, configOperation, value }) => {
    return { name, operation: configOperation, value: value ?? '' };
  });
  const unlisted = changes.find(
    ({ name, operation }) => operation >= configOperations.append && !isListOption(name),
  );
  if (unlisted === undefined) return change(topic, changes);
  return refused(invalidConfig, `${unlisted.name} is not a list that could be added to`);
}

function findFormFault({ configs }: Stepwise): ResourceFault | null {
  const names = new Set<string>();
  for (const { name, configOperation, value } of configs) {
    if (names.has(name)) return resourceFault(invalidRequest, `${name} is set twice`);
    names.add(name);
    if (configOperation < configOperations.set || configOperation > configOperations.subtract) {
      return resourceFault(invalidRequest, `operation ${configOperation} is unknown`);
    }
    if (value === null && configOperation !== configOperations.delete) {
      return resourceFault(invalidRequest, `${name} has no value`);
    }
  }
  return null;
}

function refuseMissing(name: string): Changed {
  if (name === '') return refused(invalidRequest, 'topics have no defaults that could be set');
  return isTopicName(name)
    ? refused(kafkaErrors.unknownTopicOrPartition, `The topic '${name}' does not exist.`)
    : refused(kafkaErrors.invalidTopicException, 'this is no name of a topic');
}

/** Nothing is set for them, so there is nothing to delete, which always succeeds. */
function refuseOther({ broker }: KafkaServices, resource: Stepwise): Changed {
  const { resourceType, resourceName: name, configs } = resource;
  const named = configs
    .filter(({ configOperation }) => configOperation !== configOperations.delete)
    .map((config) => config.name);
  switch (resourceType) {
    case configResources.broker:
    case configResources.brokerLogger: {
      const isCluster = resourceType === configResources.broker && name === '';
      const fault = isCluster ? null : findBrokerNameFault(broker, name);
      if (fault !== null) return { fault, lsn: 0 };
      if (resourceType === configResources.brokerLogger) return refuseLoggers(configs);
      if (named.length === 0) return { fault: null, lsn: 0 };
      // In Kafka's words, which tools print.
      return refused(invalidRequest, `Cannot update these configs dynamically: [${named}]`);
    }
    case configResources.group:
    case configResources.clientMetrics:
      if (name === '') return refused(invalidRequest, 'a name is missing');
      if (named.length === 0) return { fault: null, lsn: 0 };
      return refused(
        resourceType === configResources.group ? invalidConfig : invalidRequest,
        `there is no setting ${named[0]} of this kind`,
      );
    default:
      return unknownType(resource);
  }
}

/** Levels are set and unset; there is no logger whose level could be. */
function refuseLoggers(configs: Stepwise['configs']): Changed {
  for (const { name, configOperation } of configs) {
    return configOperation >= configOperations.append
      ? refused(invalidRequest, `a level is no list: ${name}`)
      : refused(invalidConfig, `there is no logger ${name}`);
  }
  return { fault: null, lsn: 0 };
}

function unknownType({ resourceType }: Resource): Changed {
  return refused(invalidRequest, `Unknown resource type ${resourceType}`);
}

function setOverrides(
  { broker }: KafkaServices,
  topic: Topic,
  overrides: Overrides,
  validateOnly: boolean,
): Changed {
  const isSame = isSameOverrides(topic.overrides, overrides);
  const outcome = broker.setTopicOptions(topic, overrides, validateOnly || isSame);
  const { error, detail, lsn } = outcome;
  if (error === null) return { fault: null, lsn };
  return { fault: resourceFault(toKafkaError(error), describeError(error, detail)), lsn };
}

function refused(errorCode: number, text: string): Changed {
  return { fault: resourceFault(errorCode, text), lsn: 0 };
}

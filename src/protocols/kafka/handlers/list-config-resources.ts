/** ListConfigResources: topics and this broker; nothing else has settings [KIP-1142]. */
import { configResources } from '../config-entry.ts';
import { kafkaErrors } from '../error-codes.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import {
  clientMetricsResource,
  listConfigResourcesRequest,
  listConfigResourcesResponse,
} from '../schemas/list-config-resources.ts';

const known: readonly number[] = Object.values(configResources);

export function handleListConfigResources(request: KafkaRequest): void {
  const { services, link, head } = request;
  const { broker } = services;
  const asked = bodyOf(request, listConfigResourcesRequest).resourceTypes;
  const wanted = new Set(head.version === 0 ? [clientMetricsResource] : asked);
  if ([...wanted].some((type) => !known.includes(type))) {
    const draft = { errorCode: kafkaErrors.unsupportedVersion, configResources: [] };
    answer(link, head, listConfigResourcesResponse, draft, 0);
    return;
  }
  const wants = (type: number): boolean => wanted.size === 0 || wanted.has(type);
  const found: { readonly resourceName: string; readonly resourceType: number }[] = [];
  const add = (resourceName: string, resourceType: number): void => {
    if (wants(resourceType)) found.push({ resourceName, resourceType });
  };
  if (wants(configResources.topic)) {
    for (const { name } of broker.topics()) add(name, configResources.topic);
  }
  const self = String(broker.nodeId);
  add(self, configResources.broker);
  add(self, configResources.brokerLogger);
  const draft = { errorCode: kafkaErrors.none, configResources: found };
  answer(link, head, listConfigResourcesResponse, draft, broker.catalogLsn);
}

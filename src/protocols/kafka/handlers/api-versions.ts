/** ApiVersions: what is advertised is what is handled. */

import type { Link } from '../../contract.ts';
import { apiKeys, apis } from '../api-keys.ts';
import { kafkaErrors } from '../error-codes.ts';
import { type AnswerHead, answer, bodyOf, type KafkaRequest } from '../request.ts';
import { apiVersionsRequest, apiVersionsResponse } from '../schemas/api-versions.ts';

/** [KIP-511] */
const softwareForm = /^[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?$/;

const advertised = apis.map((api) => ({
  apiKey: api.key,
  minVersion: api.advertisedMin,
  maxVersion: api.max,
}));

/**
 * By this number user interfaces tell Kafka's version, and so what to offer: 30 is that of 4.3, 7 the
 * oldest one without ZooKeeper. Clients do not act on it.
 */
const metadataVersion = { name: 'metadata.version', oldest: 7, present: 30 } as const;

const features = {
  supportedFeatures: [
    {
      name: metadataVersion.name,
      minVersion: metadataVersion.oldest,
      maxVersion: metadataVersion.present,
    },
  ],
  finalizedFeaturesEpoch: 0,
  finalizedFeatures: [
    {
      name: metadataVersion.name,
      maxVersionLevel: metadataVersion.present,
      minVersionLevel: metadataVersion.present,
    },
  ],
} as const;

export function handleApiVersions(request: KafkaRequest): void {
  const { link, head } = request;
  const body = bodyOf(request, apiVersionsRequest);
  let errorCode: number = kafkaErrors.none;
  if (head.version >= 3) {
    const names = [body.clientSoftwareName, body.clientSoftwareVersion];
    if (!names.every((name) => softwareForm.test(name))) errorCode = kafkaErrors.invalidRequest;
  }
  const isFine = errorCode === kafkaErrors.none;
  const draft = isFine
    ? { errorCode, apiKeys: advertised, ...features }
    : { errorCode, apiKeys: [] };
  answer(link, head, apiVersionsResponse, draft, 0);
}

/** A version from the future: version 0 of the answer says which ones there are. */
export function refuseApiVersions(link: Link, correlationId: number): void {
  const head: AnswerHead = {
    apiKey: apiKeys.apiVersions,
    version: 0,
    isFlexible: false,
    correlationId,
  };
  const own = advertised.filter((api) => api.apiKey === apiKeys.apiVersions);
  answer(
    link,
    head,
    apiVersionsResponse,
    { errorCode: kafkaErrors.unsupportedVersion, apiKeys: own },
    0,
  );
}

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

export function handleApiVersions(request: KafkaRequest): void {
  const { link, head } = request;
  const body = bodyOf(request, apiVersionsRequest);
  let errorCode: number = kafkaErrors.none;
  if (head.version >= 3) {
    const names = [body.clientSoftwareName, body.clientSoftwareVersion];
    if (!names.every((name) => softwareForm.test(name))) errorCode = kafkaErrors.invalidRequest;
  }
  const apiKeyList = errorCode === kafkaErrors.none ? advertised : [];
  answer(link, head, apiVersionsResponse, { errorCode, apiKeys: apiKeyList }, 0);
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

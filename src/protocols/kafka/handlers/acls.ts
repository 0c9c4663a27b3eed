/** DescribeAcls, CreateAcls, DeleteAcls: nobody is kept from anything, and nothing is kept of it. */
import { kafkaErrors } from '../error-codes.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import {
  createAclsRequest,
  createAclsResponse,
  deleteAclsRequest,
  deleteAclsResponse,
  describeAclsRequest,
  describeAclsResponse,
} from '../schemas/acls.ts';

/** Word for word: tools and their users look for it. */
const refusal = {
  errorCode: kafkaErrors.securityDisabled,
  errorMessage: 'No Authorizer is configured on the broker',
} as const;

export function handleDescribeAcls(request: KafkaRequest): void {
  bodyOf(request, describeAclsRequest);
  answer(request.link, request.head, describeAclsResponse, { ...refusal, resources: [] }, 0);
}

export function handleCreateAcls(request: KafkaRequest): void {
  const { creations } = bodyOf(request, createAclsRequest);
  const results = creations.map(() => refusal);
  answer(request.link, request.head, createAclsResponse, { results }, 0);
}

export function handleDeleteAcls(request: KafkaRequest): void {
  const { filters } = bodyOf(request, deleteAclsRequest);
  const filterResults = filters.map(() => ({ ...refusal, matchingAcls: [] }));
  answer(request.link, request.head, deleteAclsResponse, { filterResults }, 0);
}

/** DescribeClientQuotas: there are none. */
import { kafkaErrors } from '../error-codes.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import type { DecodedOf } from '../schema.ts';
import {
  describeClientQuotasRequest,
  describeClientQuotasResponse,
} from '../schemas/describe-client-quotas.ts';

type Component = DecodedOf<typeof describeClientQuotasRequest>['components'][number];

const entityTypes = ['user', 'client-id', 'ip'];
/** 0: of this name; 1: the default; 2: of any name. */
const matchTypeMax = 2;
const exactMatch = 0;

export function handleDescribeClientQuotas(request: KafkaRequest): void {
  const { components } = bodyOf(request, describeClientQuotasRequest);
  const fault = findFault(components);
  const draft =
    fault === null
      ? { errorCode: kafkaErrors.none, errorMessage: null, entries: [] }
      : { ...fault, entries: null };
  answer(request.link, request.head, describeClientQuotasResponse, draft, 0);
}

function findFault(
  components: readonly Component[],
): { readonly errorCode: number; readonly errorMessage: string } | null {
  const seen = new Set<string>();
  for (const { entityType, matchType, match } of components) {
    if (!entityTypes.includes(entityType)) {
      const errorMessage = 'quotas are of a user, a client-id or an ip';
      return { errorCode: kafkaErrors.unsupportedVersion, errorMessage };
    }
    const isMatch = matchType >= 0 && matchType <= matchTypeMax;
    if (seen.has(entityType) || !isMatch || (match !== null) !== (matchType === exactMatch)) {
      const errorMessage = `the filter for ${entityType} makes no sense`;
      return { errorCode: kafkaErrors.invalidRequest, errorMessage };
    }
    seen.add(entityType);
  }
  return null;
}

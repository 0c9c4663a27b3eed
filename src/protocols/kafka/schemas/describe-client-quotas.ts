/** DescribeClientQuotas (48): limits on how fast users and clients may be. */

import { array, bool, float64, int8, int16, int32, message, string, struct } from '../schema.ts';

export const describeClientQuotasRequest = message('DescribeClientQuotasRequest', 1, {
  components: array(
    struct({ entityType: string(), matchType: int8(), match: string({ nullable: 0 }) }),
  ),
  strict: bool(),
});

export const describeClientQuotasResponse = message('DescribeClientQuotasResponse', 1, {
  throttleTimeMs: int32({ default: 0 }),
  errorCode: int16(),
  errorMessage: string({ nullable: 0 }),
  entries: array(
    struct({
      entity: array(struct({ entityType: string(), entityName: string({ nullable: 0 }) })),
      values: array(struct({ key: string(), value: float64() })),
    }),
    { nullable: 0 },
  ),
});

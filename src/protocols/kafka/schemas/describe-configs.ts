/** DescribeConfigs (32): settings, and where each has its value from. */

import { array, bool, int8, int16, int32, message, string, struct } from '../schema.ts';

export const describeConfigsRequest = message('DescribeConfigsRequest', 4, {
  resources: array(
    struct({
      resourceType: int8(),
      resourceName: string(),
      /** Null: all. */
      configurationKeys: array(string(), { nullable: 0 }),
    }),
  ),
  includeSynonyms: bool({ since: 1, default: false }),
  includeDocumentation: bool({ since: 3, default: false }),
});

const result = {
  errorCode: int16(),
  errorMessage: string({ nullable: 0 }),
  resourceType: int8(),
  resourceName: string(),
  configs: array(
    struct({
      name: string(),
      value: string({ nullable: 0 }),
      readOnly: bool(),
      isDefault: bool({ until: 0, default: false }),
      configSource: int8({ since: 1, default: -1 }),
      isSensitive: bool(),
      /** What would count if what counts now were not set, down to the default. */
      synonyms: array(struct({ name: string(), value: string({ nullable: 0 }), source: int8() }), {
        since: 1,
        default: [],
      }),
      configType: int8({ since: 3, default: 0 }),
      documentation: string({ since: 3, nullable: 0, default: null }),
    }),
  ),
} as const;

/** One result, for an answer that is written piece by piece. */
export const describeConfigsResult = message('DescribeConfigsResult', 4, result);

export const describeConfigsResponse = message('DescribeConfigsResponse', 4, {
  throttleTimeMs: int32({ default: 0 }),
  results: array(struct(result)),
});

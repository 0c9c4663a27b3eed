/** DescribeAcls (29), CreateAcls (30), DeleteAcls (31). */

import { array, int8, int16, int32, message, string, struct } from '../schema.ts';

/** The resource's name is meant literally: the only way before version 1. */
const literal = 3;

const filter = {
  resourceTypeFilter: int8(),
  resourceNameFilter: string({ nullable: 0 }),
  patternTypeFilter: int8({ since: 1, default: literal }),
  principalFilter: string({ nullable: 0 }),
  hostFilter: string({ nullable: 0 }),
  operation: int8(),
  permissionType: int8(),
} as const;

export const describeAclsRequest = message('DescribeAclsRequest', 2, filter);

export const describeAclsResponse = message('DescribeAclsResponse', 2, {
  throttleTimeMs: int32({ default: 0 }),
  errorCode: int16(),
  errorMessage: string({ nullable: 0 }),
  resources: array(
    struct({
      resourceType: int8(),
      resourceName: string(),
      patternType: int8({ since: 1, default: literal }),
      acls: array(
        struct({ principal: string(), host: string(), operation: int8(), permissionType: int8() }),
      ),
    }),
  ),
});

export const createAclsRequest = message('CreateAclsRequest', 2, {
  creations: array(
    struct({
      resourceType: int8(),
      resourceName: string(),
      resourcePatternType: int8({ since: 1, default: literal }),
      principal: string(),
      host: string(),
      operation: int8(),
      permissionType: int8(),
    }),
  ),
});

export const createAclsResponse = message('CreateAclsResponse', 2, {
  throttleTimeMs: int32({ default: 0 }),
  results: array(struct({ errorCode: int16(), errorMessage: string({ nullable: 0 }) })),
});

export const deleteAclsRequest = message('DeleteAclsRequest', 2, {
  filters: array(struct(filter)),
});

export const deleteAclsResponse = message('DeleteAclsResponse', 2, {
  throttleTimeMs: int32({ default: 0 }),
  filterResults: array(
    struct({
      errorCode: int16(),
      errorMessage: string({ nullable: 0 }),
      matchingAcls: array(
        struct({
          errorCode: int16(),
          errorMessage: string({ nullable: 0 }),
          resourceType: int8(),
          resourceName: string(),
          patternType: int8({ since: 1, default: literal }),
          principal: string(),
          host: string(),
          operation: int8(),
          permissionType: int8(),
        }),
      ),
    }),
  ),
});

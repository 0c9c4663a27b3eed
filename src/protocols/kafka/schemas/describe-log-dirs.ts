/** DescribeLogDirs (35): what partitions take on disk, and how much of that there is. */

import { array, bool, int16, int32, int64, message, string, struct } from '../schema.ts';

export const describeLogDirsRequest = message('DescribeLogDirsRequest', 2, {
  /** Null: all partitions. */
  topics: array(struct({ topic: string(), partitions: array(int32()) }), { nullable: 0 }),
});

export const describeLogDirsResponse = message('DescribeLogDirsResponse', 2, {
  throttleTimeMs: int32({ default: 0 }),
  errorCode: int16({ since: 3, default: 0 }),
  results: array(
    struct({
      errorCode: int16(),
      logDir: string(),
      topics: array(
        struct({
          name: string(),
          partitions: array(
            struct({
              partitionIndex: int32(),
              partitionSize: int64(),
              offsetLag: int64(),
              isFutureKey: bool(),
            }),
          ),
        }),
      ),
      totalBytes: int64({ since: 4, default: -1 }),
      usableBytes: int64({ since: 4, default: -1 }),
      isCordoned: bool({ since: 5, default: false }),
    }),
  ),
});

/**
 * Batches as another implementation writes them: three records, transactional, producer 77 with
 * epoch 3 from sequence 9 on, one batch for each codec.
 */

import type { RecordInput } from '../batch-builder.ts';

/** Codec number and base64. */
export const foreignBatches: readonly (readonly [number, string])[] = [
  [
    0,
    'AAAAAAAAAAAAAADaAAAAAALimjsCABAAAAACAAABi8/laAAAAAGLz+VoBwAAAAAAAABNAAMAAAAJAAAAAzQAAAAEazESdmFsdWUgb25lBARoMQJ4BGgxAf4BAA4CAfABdmFsdWUgdHdvIHZhbHVlIHR3byB2YWx1ZSB0d28gdmFsdWUgdHdvIHZhbHVlIHR3byB2YWx1ZSB0d28gdmFsdWUgdHdvIHZhbHVlIHR3byB2YWx1ZSB0d28gdmFsdWUgdHdvIHZhbHVlIHR3byB2YWx1ZSB0d28gABgAEwQEazMBAgTDqQA=',
  ],
  [
    1,
    'AAAAAAAAAAAAAAB9AAAAAAK6L2h+ABEAAAACAAABi8/laAAAAAGLz+VoBwAAAAAAAABNAAMAAAAJAAAAAx+LCACViAFrAv8zYWBgYMk2FCpLzClNVcjPS2VhyTBkqgASjP8YGfiYGD8wQqRKyvMV6MtikGAQZmHJNmZkYjm8kgEAtZ9O6akAAAA=',
  ],
  [
    2,
    'AAAAAAAAAAAAAACHAAAAAAJfRfxXABIAAAACAAABi8/laAAAAAGLz+VoBwAAAAAAAABNAAMAAAAJAAAAA4JTTkFQUFkAAAAAAQAAAAEAAABCqQGINAAAAARrMRJ2YWx1ZSBvbmUEBGgxAngEaDEB/gEADgIB8AEJGwx0d28g/goAtgoANAAYABMEBGszAQIEw6kA',
  ],
  [
    3,
    'AAAAAAAAAAAAAACGAAAAAAIqEGsEABMAAAACAAABi8/laAAAAAGLz+VoBwAAAAAAAABNAAMAAAAJAAAAAwQiTRhoQKkAAAAAAAAAqz4AAADyFDQAAAAEazESdmFsdWUgb25lBARoMQJ4BGgxAf4BAA4CAfABGwBPdHdvIAoAW+AAGAATBARrMwECBMOpAAAAAAA=',
  ],
  [
    4,
    'AAAAAAAAAAAAAAB5AAAAAAIb9rkKABQAAAACAAABi8/laAAAAAGLz+VoBwAAAAAAAABNAAMAAAAJAAAAAyi1L/0gqf0BAFQDNAAAAARrMRJ2YWx1ZSBvbmUEBGgxAngEaDEB/gEADgIB8AF0d28gABgAEwQEazMBAgTDqQACAKslkTk2nw==',
  ],
];

/** What is in each of them. */
export const foreignRecords: readonly RecordInput[] = [
  {
    key: Buffer.from('k1'),
    value: Buffer.from('value one'),
    headers: [
      { key: 'h1', value: Buffer.from('x') },
      { key: 'h1', value: null },
    ],
    timestamp: 1_700_000_000_000,
  },
  {
    key: null,
    value: Buffer.from('value two '.repeat(12)),
    headers: [],
    timestamp: 1_700_000_000_007,
  },
  {
    key: Buffer.from('k3'),
    value: null,
    headers: [{ key: 'é', value: Buffer.alloc(0) }],
    timestamp: 1_699_999_999_990,
  },
];

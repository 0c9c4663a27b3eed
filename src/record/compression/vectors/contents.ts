/**
 * Inputs for the tests of decompression, as the reference encoders write them: gzip, snappy, lz4 and
 * zstd themselves, and the Java framing of snappy.
 */

const random = Buffer.from(
  'LrMAwzemSKbA291z/JX1wsRRhZr+gNQKo537kkn0DD7jfZYURcgG9Yx88hJ9+olPkpb88zwIQJmQrJcN7bO4QxIBgek3YQfb2vbF88hkl+4=',
  'base64',
);

export const contents = {
  empty: Buffer.alloc(0),
  small: Buffer.from('abcabcabcabcabcabcabcabc, then something else, abcabcabc'),
  run: Buffer.from('x'.repeat(1000)),
  random,
  far: Buffer.concat([random, Buffer.from('-'.repeat(300)), random]),
} as const;

export interface Vector {
  readonly codec: 'gzip' | 'snappy' | 'lz4' | 'zstd' | 'zstd by fzstd';
  readonly content: keyof typeof contents;
  readonly form: string;
  /** Base64. */
  readonly bytes: string;
}

export const vectors: readonly Vector[] = [
  { codec: 'gzip', content: 'empty', form: 'one member', bytes: 'H4sIAAAAAAACAwMAAAAAAAAAAAA=' },
  { codec: 'snappy', content: 'empty', form: 'raw', bytes: 'AA==' },
  { codec: 'lz4', content: 'empty', form: 'content size', bytes: 'BCJNGGBAggAAAAA=' },
  { codec: 'lz4', content: 'empty', form: 'bare', bytes: 'BCJNGGBAggAAAAA=' },
  {
    codec: 'lz4',
    content: 'empty',
    form: 'linked blocks and all checksums',
    bytes: 'BCJNGHRAvQAAAAAFXcwC',
  },
  { codec: 'zstd', content: 'empty', form: 'content size', bytes: 'KLUv/SAAAQAA' },
  { codec: 'zstd', content: 'empty', form: 'checksum', bytes: 'KLUv/QQAAQAAmenYUQ==' },
  { codec: 'zstd by fzstd', content: 'empty', form: 'content size', bytes: 'KLUv/SAAAQAA' },
  { codec: 'zstd by fzstd', content: 'empty', form: 'checksum', bytes: 'KLUv/QQAAQAAmenYUQ==' },
  {
    codec: 'gzip',
    content: 'small',
    form: 'one member',
    bytes: 'H4sIAAAAAAACA0tMSk7EhnQUSjJS8xSK83NTSzIy89IVUnOKU3UU4PIAQP2yfTgAAAA=',
  },
  {
    codec: 'snappy',
    content: 'small',
    form: 'raw',
    bytes: 'OAhhYmNSAwB8LCB0aGVuIHNvbWV0aGluZyBlbHNlLCBhYmNhYmNhYmM=',
  },
  {
    codec: 'snappy',
    content: 'small',
    form: 'framed',
    bytes: 'glNOQVBQWQAAAAABAAAAAQAAACk4CGFiY1IDAHwsIHRoZW4gc29tZXRoaW5nIGVsc2UsIGFiY2FiY2FiYw==',
  },
  {
    codec: 'lz4',
    content: 'small',
    form: 'content size',
    bytes:
      'BCJNGGhAOAAAAAAAAAARKQAAAD9hYmMDAALwESwgdGhlbiBzb21ldGhpbmcgZWxzZSwgYWJjYWJjYWJjAAAAAA==',
  },
  {
    codec: 'lz4',
    content: 'small',
    form: 'bare',
    bytes: 'BCJNGGBAgikAAAA/YWJjAwAC8BEsIHRoZW4gc29tZXRoaW5nIGVsc2UsIGFiY2FiY2FiYwAAAAA=',
  },
  {
    codec: 'lz4',
    content: 'small',
    form: 'linked blocks and all checksums',
    bytes:
      'BCJNGHxAOAAAAAAAAAAsKQAAAD9hYmMDAALwESwgdGhlbiBzb21ldGhpbmcgZWxzZSwgYWJjYWJjYWJjlrZwegAAAABWqjdk',
  },
  {
    codec: 'zstd',
    content: 'small',
    form: 'content size',
    bytes: 'KLUv/SA4HQEA0GFiYywgdGhlbiBzb21ldGhpbmcgZWxzZSwgAgCZKpqfGwI=',
  },
  {
    codec: 'zstd',
    content: 'small',
    form: 'checksum',
    bytes: 'KLUv/QQAHQEA0GFiYywgdGhlbiBzb21ldGhpbmcgZWxzZSwgAgCZKpqfGwKsBnL1',
  },
  {
    codec: 'zstd by fzstd',
    content: 'small',
    form: 'content size',
    bytes: 'KLUv/SA4HQEA0GFiYywgdGhlbiBzb21ldGhpbmcgZWxzZSwgAgCZKpqfGwI=',
  },
  {
    codec: 'zstd by fzstd',
    content: 'small',
    form: 'checksum',
    bytes: 'KLUv/QQAHQEA0GFiYywgdGhlbiBzb21ldGhpbmcgZWxzZSwgAgCZKpqfGwKsBnL1',
  },
  {
    codec: 'gzip',
    content: 'run',
    form: 'one member',
    bytes: 'H4sIAAAAAAACA6uoGAWjYBQMdwAA5slBO+gDAAA=',
  },
  {
    codec: 'snappy',
    content: 'run',
    form: 'raw',
    bytes: '6AcAeP4BAP4BAP4BAP4BAP4BAP4BAP4BAP4BAP4BAP4BAP4BAP4BAP4BAP4BAP4BAJoBAA==',
  },
  {
    codec: 'snappy',
    content: 'run',
    form: 'framed',
    bytes:
      'glNOQVBQWQAAAAABAAAAAQAAAAlkAHj+AQCKAQAAAAAJZAB4/gEAigEAAAAACWQAeP4BAIoBAAAAAAlkAHj+AQCKAQAAAAAJZAB4/gEAigEAAAAACWQAeP4BAIoBAAAAAAlkAHj+AQCKAQAAAAAJZAB4/gEAigEAAAAACWQAeP4BAIoBAAAAAAlkAHj+AQCKAQA=',
  },
  {
    codec: 'lz4',
    content: 'run',
    form: 'content size',
    bytes: 'BCJNGGhA6AMAAAAAAADxDgAAAB94AQD////SUHh4eHh4AAAAAA==',
  },
  { codec: 'lz4', content: 'run', form: 'bare', bytes: 'BCJNGGBAgg4AAAAfeAEA////0lB4eHh4eAAAAAA=' },
  {
    codec: 'lz4',
    content: 'run',
    form: 'linked blocks and all checksums',
    bytes: 'BCJNGHxA6AMAAAAAAAA9DgAAAB94AQD////SUHh4eHh4Fug4mgAAAAAX2Lxz',
  },
  { codec: 'zstd', content: 'run', form: 'content size', bytes: 'KLUv/WDoAk0AABB4eAEA4yuABQ==' },
  { codec: 'zstd', content: 'run', form: 'checksum', bytes: 'KLUv/QQATQAAEHh4AQDjK4AF4QC3nA==' },
  {
    codec: 'zstd by fzstd',
    content: 'run',
    form: 'content size',
    bytes: 'KLUv/WDoAk0AABB4eAEA4yuABQ==',
  },
  {
    codec: 'zstd by fzstd',
    content: 'run',
    form: 'checksum',
    bytes: 'KLUv/QQATQAAEHh4AQDjK4AF4QC3nA==',
  },
  {
    codec: 'gzip',
    content: 'random',
    form: 'one member',
    bytes:
      'H4sIAAAAAAACAwFQAK//LrMAwzemSKbA291z/JX1wsRRhZr+gNQKo537kkn0DD7jfZYURcgG9Yx88hJ9+olPkpb88zwIQJmQrJcN7bO4QxIBgek3YQfb2vbF88hkl+6D7JrNUAAAAA==',
  },
  {
    codec: 'snappy',
    content: 'random',
    form: 'raw',
    bytes:
      'UPBPLrMAwzemSKbA291z/JX1wsRRhZr+gNQKo537kkn0DD7jfZYURcgG9Yx88hJ9+olPkpb88zwIQJmQrJcN7bO4QxIBgek3YQfb2vbF88hkl+4=',
  },
  {
    codec: 'snappy',
    content: 'random',
    form: 'framed',
    bytes:
      'glNOQVBQWQAAAAABAAAAAQAAAFNQ8E8uswDDN6ZIpsDb3XP8lfXCxFGFmv6A1AqjnfuSSfQMPuN9lhRFyAb1jHzyEn36iU+SlvzzPAhAmZCslw3ts7hDEgGB6TdhB9va9sXzyGSX7g==',
  },
  {
    codec: 'lz4',
    content: 'random',
    form: 'content size',
    bytes:
      'BCJNGGhAUAAAAAAAAACjUAAAgC6zAMM3pkimwNvdc/yV9cLEUYWa/oDUCqOd+5JJ9Aw+432WFEXIBvWMfPISffqJT5KW/PM8CECZkKyXDe2zuEMSAYHpN2EH29r2xfPIZJfuAAAAAA==',
  },
  {
    codec: 'lz4',
    content: 'random',
    form: 'bare',
    bytes:
      'BCJNGGBAglAAAIAuswDDN6ZIpsDb3XP8lfXCxFGFmv6A1AqjnfuSSfQMPuN9lhRFyAb1jHzyEn36iU+SlvzzPAhAmZCslw3ts7hDEgGB6TdhB9va9sXzyGSX7gAAAAA=',
  },
  {
    codec: 'lz4',
    content: 'random',
    form: 'linked blocks and all checksums',
    bytes:
      'BCJNGHxAUAAAAAAAAABUUAAAgC6zAMM3pkimwNvdc/yV9cLEUYWa/oDUCqOd+5JJ9Aw+432WFEXIBvWMfPISffqJT5KW/PM8CECZkKyXDe2zuEMSAYHpN2EH29r2xfPIZJfukEIH2QAAAACQQgfZ',
  },
  {
    codec: 'zstd',
    content: 'random',
    form: 'content size',
    bytes:
      'KLUv/SBQgQIALrMAwzemSKbA291z/JX1wsRRhZr+gNQKo537kkn0DD7jfZYURcgG9Yx88hJ9+olPkpb88zwIQJmQrJcN7bO4QxIBgek3YQfb2vbF88hkl+4=',
  },
  {
    codec: 'zstd',
    content: 'random',
    form: 'checksum',
    bytes:
      'KLUv/QQAgQIALrMAwzemSKbA291z/JX1wsRRhZr+gNQKo537kkn0DD7jfZYURcgG9Yx88hJ9+olPkpb88zwIQJmQrJcN7bO4QxIBgek3YQfb2vbF88hkl+7gSls/',
  },
  {
    codec: 'zstd by fzstd',
    content: 'random',
    form: 'content size',
    bytes:
      'KLUv/SBQgQIALrMAwzemSKbA291z/JX1wsRRhZr+gNQKo537kkn0DD7jfZYURcgG9Yx88hJ9+olPkpb88zwIQJmQrJcN7bO4QxIBgek3YQfb2vbF88hkl+4=',
  },
  {
    codec: 'zstd by fzstd',
    content: 'random',
    form: 'checksum',
    bytes:
      'KLUv/QQAgQIALrMAwzemSKbA291z/JX1wsRRhZr+gNQKo537kkn0DD7jfZYURcgG9Yx88hJ9+olPkpb88zwIQJmQrJcN7bO4QxIBgek3YQfb2vbF88hkl+7gSls/',
  },
  {
    codec: 'gzip',
    content: 'far',
    form: 'one member',
    bytes:
      'H4sIAAAAAAACA9PbzHDYfJnHsgO37xb/mfr10JHA1ln/Gq5wLZ77e5LnFx67x7XTRFxPsH3tqfkkVPur03/StD+fbTgcZk5YM5337eYdzkKMjS/NE9lv3/p29POJlOnvdEcB0UCPymEPAFtD0c7MAQAA',
  },
  {
    codec: 'snappy',
    content: 'far',
    form: 'raw',
    bytes:
      'zAPwUi6zAMM3pkimwNvdc/yV9cLEUYWa/oDUCqOd+5JJ9Aw+432WFEXIBvWMfPISffqJT5KW/PM8CECZkKyXDe2zuEMSAYHpN2EH29r2xfPIZJfuLS0t/gMA/gMA/gMA/gMAogMA/nwBPnwB',
  },
  {
    codec: 'snappy',
    content: 'far',
    form: 'framed',
    bytes:
      'glNOQVBQWQAAAAABAAAAAQAAAGdk8GMuswDDN6ZIpsDb3XP8lfXCxFGFmv6A1AqjnfuSSfQMPuN9lhRFyAb1jHzyEn36iU+SlvzzPAhAmZCslw3ts7hDEgGB6TdhB9va9sXzyGSX7i0tLS0tLS0tLS0tLS0tLS0tLS0tAAAACWQALf4BAIoBAAAAAAlkAC3+AQCKAQAAAAAeZAAt/gEAOgEATC6zAMM3pkimwNvdc/yV9cLEUYWaAAAAPjzs/oDUCqOd+5JJ9Aw+432WFEXIBvWMfPISffqJT5KW/PM8CECZkKyXDe2zuEMSAYHpN2EH29r2xfPIZJfu',
  },
  {
    codec: 'lz4',
    content: 'far',
    form: 'content size',
    bytes:
      'BCJNGGhAzAEAAAAAAAAFYgAAAP9DLrMAwzemSKbA291z/JX1wsRRhZr+gNQKo537kkn0DD7jfZYURcgG9Yx88hJ9+olPkpb88zwIQJmQrJcN7bO4QxIBgek3YQfb2vbF88hkl+4tLQIA/xgPfAE4UPPIZJfuAAAAAA==',
  },
  {
    codec: 'lz4',
    content: 'far',
    form: 'bare',
    bytes:
      'BCJNGGBAgmIAAAD/Qy6zAMM3pkimwNvdc/yV9cLEUYWa/oDUCqOd+5JJ9Aw+432WFEXIBvWMfPISffqJT5KW/PM8CECZkKyXDe2zuEMSAYHpN2EH29r2xfPIZJfuLS0CAP8YD3wBOFDzyGSX7gAAAAA=',
  },
  {
    codec: 'lz4',
    content: 'far',
    form: 'linked blocks and all checksums',
    bytes:
      'BCJNGHxAzAEAAAAAAADTYgAAAP9DLrMAwzemSKbA291z/JX1wsRRhZr+gNQKo537kkn0DD7jfZYURcgG9Yx88hJ9+olPkpb88zwIQJmQrJcN7bO4QxIBgek3YQfb2vbF88hkl+4tLQIA/xgPfAE4UPPIZJfuwTpqLwAAAADZNw0M',
  },
  {
    codec: 'zstd',
    content: 'far',
    form: 'content size',
    bytes:
      'KLUv/WDMAO0CABQFLrMAwzemSKbA291z/JX1wsRRhZr+gNQKo537kkn0DD7jfZYURcgG9Yx88hJ9+olPkpb88zwIQJmQrJcN7bO4QxIBgek3YQfb2vbF88hkl+4tAgD9t1CIUFRgBg==',
  },
  {
    codec: 'zstd',
    content: 'far',
    form: 'checksum',
    bytes:
      'KLUv/QQA7QIAFAUuswDDN6ZIpsDb3XP8lfXCxFGFmv6A1AqjnfuSSfQMPuN9lhRFyAb1jHzyEn36iU+SlvzzPAhAmZCslw3ts7hDEgGB6TdhB9va9sXzyGSX7i0CAP23UIhQVGAG7lDq2A==',
  },
  {
    codec: 'zstd by fzstd',
    content: 'far',
    form: 'content size',
    bytes:
      'KLUv/WDMAO0CABQFLrMAwzemSKbA291z/JX1wsRRhZr+gNQKo537kkn0DD7jfZYURcgG9Yx88hJ9+olPkpb88zwIQJmQrJcN7bO4QxIBgek3YQfb2vbF88hkl+4tAgD9t1CIUFRgBg==',
  },
  {
    codec: 'zstd by fzstd',
    content: 'far',
    form: 'checksum',
    bytes:
      'KLUv/QQA7QIAFAUuswDDN6ZIpsDb3XP8lfXCxFGFmv6A1AqjnfuSSfQMPuN9lhRFyAb1jHzyEn36iU+SlvzzPAhAmZCslw3ts7hDEgGB6TdhB9va9sXzyGSX7i0CAP23UIhQVGAG7lDq2A==',
  },
  {
    codec: 'lz4',
    content: 'run',
    form: 'two frames',
    bytes:
      'BCJNGGhALAEAAAAAAACEDAAAAB94AQD/FFB4eHh4eAAAAAAEIk0YaEC8AgAAAAAAAMcNAAAAH3gBAP//pVB4eHh4eAAAAAA=',
  },
];

/**
 * Kafka's outer shell: frames and headers.
 *
 *     frame             int32 length of what follows (big-endian, like everything here)
 *     request header    int16 api key | int16 api version | int32 correlation id
 *                       int16 length, -1 null | client id     never compact, even when flexible
 *                       tagged fields                         when the version is flexible
 *     response header   int32 correlation id
 *                       tagged fields                         when flexible; never for ApiVersions
 *
 * Owns: both headers, the limits of a frame. Leaves: bodies to the schemas and the hot codecs.
 *
 * ApiVersions keeps the short response header because the client does not know yet what the broker
 * understands [KIP-511].
 */

import { assert } from '../../kernel/assert.ts';
import type { ByteWriter } from '../../kernel/byte-writer.ts';
import { type Api, apiKeys, apiOf } from './api-keys.ts';
import { type Reader, violation } from './reader.ts';

export const lengthBytes = 4;
/** Api key, version and correlation id. */
const headerBytesMin = 8;
/** What is needed to tell the API of a frame, its length field included. */
const peekBytes = 6;

/** The longest request of any kind: Kafka's default of `socket.request.max.bytes`. */
export const requestBytesMax = 100 * 1024 * 1024;
/** The longest request without record batches in it: decoding makes objects of these bytes. */
export const plainRequestBytesMax = 16 * 1024 * 1024;

/**
 * Bytes of the frame that begins at `start`, its length field included; 0 while too few bytes are
 * there to tell. Nothing is reserved for a frame before its API is known to allow that size.
 *
 * @throws ProtocolViolation for a length that no request of this API has.
 */
// HOT: once per request.
export function measureFrame(view: DataView, start: number, end: number, bytesMax: number): number {
  if (end - start < lengthBytes) return 0;
  const length = view.getInt32(start);
  if (length < headerBytesMin || length > bytesMax) throw violation('an impossible request length');
  if (end - start < peekBytes) return 0;
  const key = view.getInt16(start + lengthBytes);
  if (key !== apiKeys.produce && length > plainRequestBytesMax) {
    throw violation('a request too long for its API');
  }
  return lengthBytes + length;
}

/** Why a request's body cannot be decoded. */
export type HeaderOutcome = 'ok' | 'unknown-api' | 'unsupported-version';

/** The header of one request, in place. Reused for all requests of a connection. */
export class RequestHeader {
  apiKey = 0;
  apiVersion = 0;
  correlationId = 0;
  /** -1: null. Positions in the bytes of the reader, like `clientIdEnd`. */
  clientIdStart = -1;
  clientIdEnd = -1;
  /** Null unless the outcome is 'ok'. */
  api: Api | null = null;
  isFlexible = false;

  /**
   * Reads the header; the reader is then at the body. When the outcome is not 'ok', only key,
   * version and correlation id are valid: the form of the rest depends on the version.
   */
  // HOT: once per request.
  read(reader: Reader): HeaderOutcome {
    this.apiKey = reader.int16();
    this.apiVersion = reader.int16();
    this.correlationId = reader.int32();
    this.clientIdStart = -1;
    this.clientIdEnd = -1;
    this.api = null;
    this.isFlexible = false;
    const api = apiOf(this.apiKey);
    if (api === undefined) return 'unknown-api';
    if (this.apiVersion < api.handledMin || this.apiVersion > api.max) return 'unsupported-version';
    this.api = api;
    this.isFlexible = this.apiVersion >= api.flexibleSince;
    const length = reader.stringLength(false);
    if (length >= 0) {
      this.clientIdStart = reader.take(length);
      this.clientIdEnd = this.clientIdStart + length;
    }
    if (this.isFlexible) reader.skipTags();
    return 'ok';
  }
}

/** Begins a response and returns where its frame begins, for `endResponse`. */
// HOT: once per request.
export function beginResponse(
  writer: ByteWriter,
  apiKey: number,
  isFlexible: boolean,
  correlationId: number,
): number {
  const at = writer.reserve(lengthBytes);
  writer.int32(correlationId);
  if (isFlexible && apiKey !== apiKeys.apiVersions) writer.uint8(0);
  return at;
}

/** Writes the length of the frame at `at`. `streamedBytes` belong to it and are not in the writer. */
// HOT: once per request.
export function endResponse(writer: ByteWriter, at: number, streamedBytes: number): void {
  const length = writer.position - at - lengthBytes + streamedBytes;
  assert(length <= 0x7fff_ffff, 'a response length that an int32 holds');
  writer.patchInt32(at, length);
}

/** Bytes that `beginResponse` writes. */
export function responseHeadBytes(apiKey: number, isFlexible: boolean): number {
  return lengthBytes + 4 + (isFlexible && apiKey !== apiKeys.apiVersions ? 1 : 0);
}

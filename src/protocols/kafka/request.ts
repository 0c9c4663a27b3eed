/**
 * One request while it is handled: where it stands, and how it is answered.
 *
 * Owns: the frame around an answer. Leaves: when it leaves to the outbox.
 */
import { decodeUtf8 } from '../../kernel/bytes.ts';
import type { Link } from '../contract.ts';
import { decodeFrom } from './decode.ts';
import { encode } from './encode.ts';
import { beginResponse, endResponse, type RequestHeader } from './frame.ts';
import type { Parking } from './parking.ts';
import type { Reader } from './reader.ts';
import type { Decoded, Draft, Members, Message } from './schema.ts';
import type { KafkaServices } from './services.ts';

const messageCharactersMax = 1000;
/** A member's client id is kept, and told to whoever asks for its group. */
const clientIdCharactersMax = 255;

/** What an answer needs to know of its request; may be kept after the request's bytes are gone. */
export interface AnswerHead {
  readonly apiKey: number;
  readonly version: number;
  readonly isFlexible: boolean;
  readonly correlationId: number;
}

/** Whether the connection is still there, for those who answer later. */
export interface ConnectionLife {
  readonly isClosed: boolean;
}

/** Borrowed until the handler returns; `head`, `link`, `life` and `parking` may be kept. */
export interface KafkaRequest {
  readonly services: KafkaServices;
  readonly link: Link;
  readonly reader: Reader;
  readonly life: ConnectionLife;
  readonly head: AnswerHead;
  readonly header: RequestHeader;
  /** Where a request waits that others have to come for first. */
  readonly parking: Parking;
}

export function headOf(header: RequestHeader): AnswerHead {
  const { apiKey, apiVersion: version, isFlexible, correlationId } = header;
  return { apiKey, version, isFlexible, correlationId };
}

/** What the client calls itself, shortened to what may be kept; '' if nothing. */
export function clientIdOf({ header, reader }: KafkaRequest): string {
  const { clientIdStart, clientIdEnd } = header;
  if (clientIdStart < 0) return '';
  return decodeUtf8(reader.bytes, clientIdStart, clientIdEnd).slice(0, clientIdCharactersMax);
}

/** Text for people in an answer: what a client sent may be in it, and be as long as a string gets. */
export function messageOf(text: string): string {
  return text.length <= messageCharactersMax ? text : `${text.slice(0, messageCharactersMax)}…`;
}

/** The body of the request. @throws ProtocolViolation */
export function bodyOf<M extends Members>(request: KafkaRequest, message: Message<M>): Decoded<M> {
  return decodeFrom(message, request.head.version, request.reader);
}

/** Answers with `draft`, once the entry at `lsn` is committed (0: at once). */
export function answer<M extends Members>(
  link: Link,
  head: AnswerHead,
  message: Message<M>,
  draft: Draft<M>,
  lsn: number,
): void {
  const { writer } = link.outbox;
  const at = beginResponse(writer, head.apiKey, head.isFlexible, head.correlationId);
  encode(message, head.version, draft, writer);
  endResponse(writer, at, 0);
  link.outbox.seal(lsn);
}

/**
 * The envelope: one neutral set of message properties, kept as record headers, to and from which
 * every protocol maps its own.
 *
 * Owns: the header names and the text form of their values, readable by any consumer of records.
 * Leaves: each protocol's mapping to its folder, the types of user headers (all are bytes here).
 *
 * A text is UTF-8; a number is decimal. A header with one of these names whose value is not of that
 * form stays among the user headers, as does every further one of the same name. A property that is
 * not set has no header.
 */

import { decodeUtf8Strict, encodeUtf8 } from '../kernel/bytes.ts';
import type { RecordHeader } from './records.ts';

/** Property → header name. */
export const envelopeHeader = {
  contentType: 'content-type',
  contentEncoding: 'content-encoding',
  correlationId: 'correlation-id',
  replyTo: 'reply-to',
  messageId: 'message-id',
  type: 'type',
  userId: 'user-id',
  appId: 'app-id',
  groupId: 'group-id',
  exchange: 'exchange',
  routingKey: 'routing-key',
  /** 0 to 255, higher goes first. */
  priority: 'priority',
  /** Unix milliseconds. */
  expiresAt: 'expires-at',
  /** Unix milliseconds. */
  deliverAt: 'deliver-at',
} as const;

type NumberProperty = 'priority' | 'expiresAt' | 'deliverAt';
type TextProperty = Exclude<keyof typeof envelopeHeader, NumberProperty>;
type Property = NumberProperty | TextProperty;

export type EnvelopeProperties = { readonly [P in TextProperty]?: string } & {
  readonly [P in NumberProperty]?: number;
};

export interface Envelope {
  readonly properties: EnvelopeProperties;
  /** User headers, in order. */
  readonly headers: readonly RecordHeader[];
}

const numberMax: Readonly<Record<NumberProperty, number>> = {
  priority: 255,
  expiresAt: Number.MAX_SAFE_INTEGER,
  deliverAt: Number.MAX_SAFE_INTEGER,
};

const properties = Object.keys(envelopeHeader) as readonly Property[];
const propertyOf = new Map<string, Property>(properties.map((p) => [envelopeHeader[p], p]));

function isNumberProperty(property: Property): property is NumberProperty {
  return property in numberMax;
}

/** The record headers of a message: its properties first, then the user's own. */
export function encodeEnvelope(envelope: Envelope): RecordHeader[] {
  const headers: RecordHeader[] = [];
  for (const property of properties) {
    const value = envelope.properties[property];
    if (value === undefined) continue;
    headers.push({ key: envelopeHeader[property], value: encodeUtf8(String(value)) });
  }
  return headers.concat(envelope.headers);
}

/** Tells the properties of a message from the user's own headers. */
export function decodeEnvelope(headers: readonly RecordHeader[]): Envelope {
  const found: Partial<Record<Property, string | number>> = {};
  const rest: RecordHeader[] = [];
  for (const header of headers) {
    const property = propertyOf.get(header.key);
    const value = property === undefined ? null : decodeValue(property, header.value);
    if (property === undefined || value === null || property in found) rest.push(header);
    else found[property] = value;
  }
  return { properties: found as EnvelopeProperties, headers: rest };
}

function decodeValue(property: Property, bytes: Uint8Array | null): string | number | null {
  const text = bytes === null ? null : decodeUtf8Strict(bytes);
  if (text === null || !isNumberProperty(property)) return text;
  if (!/^(0|[1-9][0-9]{0,15})$/.test(text)) return null;
  const value = Number(text);
  return value <= numberMax[property] ? value : null;
}

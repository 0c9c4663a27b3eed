/**
 * The layout of one message in one version: a schema with everything that does not apply taken out.
 *
 * Owns: which fields are there, their defaults, the least bytes that each takes. Made once per
 * (schema, version) and kept: Metadata for ten thousand partitions asks no version ranges.
 */

import { assert } from '../../kernel/assert.ts';
import type { Field, Kind, Members, Message } from './schema.ts';
import { zeroUuid } from './schema.ts';

export interface Step {
  readonly name: string;
  readonly kind: Kind;
  readonly nullable: boolean;
  /** -1 outside of the tagged section. */
  readonly tag: number;
  /** The value when the wire has none. Shared: frozen where it is an object. */
  readonly fallback: unknown;
  /** Whether a draft may leave the field out. */
  readonly optional: boolean;
  /** Of an array. */
  readonly element: Step | null;
  /** Of a struct. */
  readonly layout: Layout | null;
  /** The fewest bytes that a value takes. */
  readonly bytesMin: number;
}

export interface Layout {
  readonly flexible: boolean;
  /** In the order of the wire. */
  readonly steps: readonly Step[];
  /** In ascending order of tags. */
  readonly tagged: readonly Step[];
  /** Fields that this version lacks: decoded as their fallback. */
  readonly absent: readonly Step[];
  readonly bytesMin: number;
}

const layouts = new WeakMap<Message, Layout[]>();

/** The layout of `message` in `version`; the caller has checked that the version exists. */
export function layoutOf(message: Message, version: number): Layout {
  let versions = layouts.get(message);
  if (versions === undefined) {
    versions = [];
    layouts.set(message, versions);
  }
  let layout = versions[version];
  if (layout === undefined) {
    layout = makeLayout(message.members, version, version >= message.flexibleSince);
    versions[version] = layout;
  }
  return layout;
}

function makeLayout(members: Members, version: number, flexible: boolean): Layout {
  const steps: Step[] = [];
  const tagged: Step[] = [];
  const absent: Step[] = [];
  for (const [name, field] of Object.entries(members)) {
    const step = makeStep(name, field, version, flexible);
    if (version < field.since || version > field.until) absent.push(step);
    else if (field.tag >= 0) tagged.push(step);
    else steps.push(step);
  }
  assert(flexible || tagged.length === 0, 'tagged fields in flexible versions only');
  tagged.sort((left, right) => left.tag - right.tag);
  const fixed = steps.reduce((sum, step) => sum + step.bytesMin, 0);
  return { flexible, steps, tagged, absent, bytesMin: fixed + (flexible ? 1 : 0) };
}

function makeStep(name: string, field: Field, version: number, flexible: boolean): Step {
  const element = field.element === null ? null : makeStep(name, field.element, version, flexible);
  const layout = field.members === null ? null : makeLayout(field.members, version, flexible);
  assert(element === null || element.bytesMin > 0, 'array elements that take bytes');
  return {
    name,
    kind: field.kind,
    nullable: version >= field.nullableSince,
    tag: field.tag,
    fallback: field.stated === undefined ? naturalFallback(field, layout) : field.stated,
    optional: field.stated !== undefined || field.tag >= 0,
    element,
    layout,
    bytesMin: smallest(field.kind, layout, flexible, version >= field.nullableSince),
  };
}

function naturalFallback(field: Field, layout: Layout | null): unknown {
  if (field.nullableSince !== Number.POSITIVE_INFINITY && field.kind !== 'string') return null;
  switch (field.kind) {
    case 'string':
      return '';
    case 'uuid':
      return zeroUuid;
    case 'bool':
      return false;
    case 'bytes':
      return new Uint8Array(0);
    case 'array':
      return Object.freeze([]);
    case 'struct':
      return layout === null ? null : fallbackStruct(layout);
    default:
      return 0;
  }
}

function fallbackStruct(layout: Layout): unknown {
  const every = [...layout.absent, ...layout.steps, ...layout.tagged];
  return Object.freeze(Object.fromEntries(every.map((step) => [step.name, step.fallback])));
}

function smallest(kind: Kind, layout: Layout | null, flexible: boolean, nullable: boolean): number {
  switch (kind) {
    case 'int8':
    case 'bool':
      return 1;
    case 'int16':
      return 2;
    case 'int32':
      return 4;
    case 'int64':
    case 'float64':
      return 8;
    case 'uuid':
      return 16;
    case 'string':
      return flexible ? 1 : 2;
    case 'bytes':
    case 'array':
      return flexible ? 1 : 4;
    case 'struct':
      return nullable || layout === null ? 1 : layout.bytesMin;
  }
}

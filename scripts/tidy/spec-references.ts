/**
 * STYLE.md §7: references to the specifications, in one form each, so that a script can collect them.
 *
 * | form               | names                                        |
 * |--------------------|----------------------------------------------|
 * | `MQTT-3.3.1-4`     | section and statement (or a section alone)   |
 * | `AMQP091-4.2.3`    | section; `AMQP10-2.6.7` likewise             |
 * | `STOMP12-ACK`      | version and frame or header                  |
 * | `KIP-848`          | proposal                                     |
 *
 * each in square brackets.
 */

import { type Finding, findingAt, type Source } from './source.ts';

export interface SpecReference {
  readonly path: string;
  /** Without the brackets. */
  readonly name: string;
}

/** Anything in brackets that is meant as one: broad, so that a near miss is found. */
const candidate =
  /\[(?:(?:MQTT|AMQP|STOMP)[\d_.]*(?:-|\s+\d)|KIP[-_\s]*\d|(?:mqtt|amqp|stomp|kip)\d*[-\s]\d)[^\]\n]*\]?/g;

const wellFormed =
  /^\[(MQTT-\d+(\.\d+)*(-\d+)?|AMQP(091|10)-\d+(\.\d+)*|STOMP1[012]-[A-Za-z][A-Za-z-]*|KIP-\d+)\]$/;

export function checkSpecReferences(source: Source): Finding[] {
  const findings: Finding[] = [];
  for (const match of source.text.matchAll(candidate)) {
    if (wellFormed.test(match[0])) continue;
    findings.push(findingAt(source, match.index, `malformed reference ${match[0]}`));
  }
  return findings;
}

export function collectSpecReferences(source: Source): SpecReference[] {
  const found: SpecReference[] = [];
  for (const match of source.text.matchAll(candidate)) {
    if (!wellFormed.test(match[0])) continue;
    found.push({ path: source.path, name: match[0].slice(1, -1) });
  }
  return found;
}

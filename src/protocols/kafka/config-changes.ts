/**
 * From the settings that a topic has, and what is to change, to those that it gets.
 *
 * Owns: what SET, DELETE, APPEND and SUBTRACT mean. Leaves: names and values to the broker's checks.
 */
import { listMembers, topicOptionTable } from '../../broker/index.ts';

export const configOperations = { set: 0, delete: 1, append: 2, subtract: 3 } as const;

export interface ConfigChange {
  readonly name: string;
  readonly operation: number;
  /** Looked at by all but DELETE. */
  readonly value: string;
}

export type Overrides = ReadonlyMap<string, string>;

const listOptions: ReadonlySet<string> = new Set(
  topicOptionTable.filter(({ type }) => type === 'list').map(({ name }) => name),
);

/** APPEND and SUBTRACT are for lists only. Unknown names are none. */
export function isListOption(name: string): boolean {
  return listOptions.has(name);
}

/**
 * `changes` have operations that exist, and lists where they must be. `inherited` answers with what
 * counts where the topic has no value of its own: a list begins with it.
 */
export function changedOverrides(
  overrides: Overrides,
  changes: readonly ConfigChange[],
  inherited: (name: string) => string,
): Map<string, string> {
  const result = new Map(overrides);
  for (const { name, operation, value } of changes) {
    if (operation === configOperations.delete) result.delete(name);
    else if (operation === configOperations.set) result.set(name, value);
    else result.set(name, changedList(result.get(name) ?? inherited(name), operation, value));
  }
  return result;
}

/** Members that are there already are not added, and those that are not are not missed. */
function changedList(before: string, operation: number, value: string): string {
  // Sets: both may be thousands.
  const members = new Set(listMembers(before));
  for (const member of listMembers(value)) {
    if (operation === configOperations.subtract) members.delete(member);
    else members.add(member);
  }
  return [...members].join(',');
}

export function isSameOverrides(left: Overrides, right: Overrides): boolean {
  if (left.size !== right.size) return false;
  for (const [name, value] of left) if (right.get(name) !== value) return false;
  return true;
}

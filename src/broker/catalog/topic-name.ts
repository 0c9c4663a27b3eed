/**
 * Topic names: which are allowed, and which two of them collide.
 *
 * Metrics write both '.' and '_' as '_': two names that differ only there cannot live side by side.
 */

const allowed = /^[a-zA-Z0-9._-]{1,249}$/;

export function isTopicName(name: string): boolean {
  return allowed.test(name) && name !== '.' && name !== '..';
}

/** Names with the same key collide. */
export function collisionKey(name: string): string {
  return name.replaceAll('.', '_');
}

/** Where clients take committed offsets to be kept; with so many partitions. */
export const offsetsTopicName = '__consumer_offsets';
export const offsetsTopicPartitions = 50;

const internalNames: ReadonlySet<string> = new Set([
  offsetsTopicName,
  '__transaction_state',
  '__share_group_state',
]);

/** Topics that belong to the broker: clients list them apart. */
export function isInternalName(name: string): boolean {
  return internalNames.has(name);
}

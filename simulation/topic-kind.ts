/**
 * What kinds of topics there are, and the stages of a topic's life, as its clients know them.
 */
export const topicKinds = ['keep', 'time', 'size', 'settled', 'stamped', 'lz4'] as const;
export type TopicKind = (typeof topicKinds)[number];
export type TopicStage = 'creating' | 'there' | 'deleting' | 'gone';

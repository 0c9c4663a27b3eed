/**
 * Which operations a client may carry out, as the bit fields in which clients ask for them: without
 * users it is everything that the resource knows. Bit n is the operation with Kafka's number n.
 */

const read = 1 << 3;
const write = 1 << 4;
const create = 1 << 5;
const remove = 1 << 6;
const alter = 1 << 7;
const describe = 1 << 8;
const clusterAction = 1 << 9;
const describeConfigs = 1 << 10;
const alterConfigs = 1 << 11;
const idempotentWrite = 1 << 12;

const everywhere = create | alter | describe | describeConfigs | alterConfigs;

export const groupOperations = read | remove | describe | describeConfigs | alterConfigs;
export const topicOperations = everywhere | read | write | remove;
export const clusterOperations = everywhere | clusterAction | idempotentWrite;

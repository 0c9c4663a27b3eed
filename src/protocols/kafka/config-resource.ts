/** What settings belong to, as requests name it: which names are right, and what is said of others. */
import type { Broker } from '../../broker/index.ts';
import { kafkaErrors } from './error-codes.ts';
import { messageOf } from './request.ts';

export interface ResourceFault {
  readonly errorCode: number;
  readonly errorMessage: string;
}

export function resourceFault(errorCode: number, text: string): ResourceFault {
  return { errorCode, errorMessage: messageOf(text) };
}

/** A broker is named by its number; this one answers for itself only. */
export function findBrokerNameFault({ nodeId }: Broker, name: string): ResourceFault | null {
  if (!/^[+-]?\d{1,10}$/.test(name)) {
    return resourceFault(kafkaErrors.invalidRequest, `a broker is named by a number: ${name}`);
  }
  if (Number(name) === nodeId) return null;
  return resourceFault(kafkaErrors.invalidRequest, `this is broker ${nodeId}, not ${name}`);
}

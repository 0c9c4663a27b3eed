/**
 * `polylog doctor`: what is wrong with a broker, running or not, in words and with a remedy.
 *
 * Owns: the order of the questions and how the answers are shown. Leaves: the folder and its files to
 * doctor-folder.ts, groups to doctor-groups.ts, the rest to the running broker, which judges itself.
 *
 * Nothing is changed and no lock is taken.
 */

import { BrokerError } from '../kernel/errors.ts';
import { AdminSession, delay } from './admin-session.ts';
import { connectForDoctor, filesFindings, folderFindings } from './doctor-folder.ts';
import { groupFindings } from './doctor-groups.ts';
import { CommandFailure, exitCode, textOf } from './failure.ts';
import { type Finding, levels } from './finding.ts';
import { print, printable, printJson } from './output.ts';

export interface DoctorOptions {
  readonly isJson: boolean;
  /** All files, however long that takes. */
  readonly isDeep: boolean;
}

/** A broker that is only busy has answered by then. */
const answerMs = 5000;
/** Further apart than the answer can take. */
const clockToleranceMs = 5000;

export async function doctor(dataDir: string, { isJson, isDeep }: DoctorOptions): Promise<void> {
  const findings: Finding[] = [];
  const { client, finding } = await connectForDoctor(dataDir);
  const isRunning = client !== null;
  findings.push(...folderFindings(dataDir, isRunning));
  if (finding !== null && findings.every(({ level }) => level !== 'error')) findings.push(finding);
  if (client !== null) {
    findings.push(...(await askBroker(new AdminSession(dataDir, client))));
    client.close();
  }
  findings.push(...(await filesFindings(dataDir, isDeep)));
  findings.sort((left, right) => levels.indexOf(left.level) - levels.indexOf(right.level));
  if (isJson) await printJson({ dataDir, isRunning, findings });
  else await print(render(dataDir, isRunning, findings));
  if (findings.some(({ level }) => level !== 'note')) process.exitCode = exitCode.failed;
}

interface Diagnosis {
  readonly time: number;
  readonly findings: readonly Finding[];
}

async function askBroker(session: AdminSession): Promise<Finding[]> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), answerMs);
  const { signal } = late;
  try {
    const status = await session.call<{ fault: string | null }>('GET', '/v1/broker', { signal });
    const diagnosis = await session.call<Diagnosis>('GET', '/v1/broker/diagnosis', { signal });
    clearTimeout(timer);
    const groups = status.fault === null ? await groupFindings(session, delay) : [];
    return [...diagnosis.findings, ...clockFindings(diagnosis.time), ...groups];
  } catch (error) {
    return [unansweredFinding(error, signal.aborted)];
  } finally {
    clearTimeout(timer);
  }
}

function clockFindings(brokerTime: number): Finding[] {
  const differenceMs = Math.abs(brokerTime - Date.now());
  if (differenceMs < clockToleranceMs) return [];
  const seconds = Math.round(differenceMs / 1000);
  return [
    {
      level: 'warning',
      what: `The broker's clock and the one of this command are ${seconds} s apart.`,
      remedy:
        'Set the clocks by NTP: retention and times of records follow the clock of the broker.',
    },
  ];
}

function unansweredFinding(error: unknown, isLate: boolean): Finding {
  if (isLate) {
    return {
      level: 'error',
      what: `The broker has not answered within ${answerMs / 1000} s: it is starting on much data, very busy, or stuck.`,
      remedy:
        'Look at its log and at the disk (iostat). If it is stuck, end it with kill -9 and start it again.',
    };
  }
  if (error instanceof BrokerError || error instanceof CommandFailure) {
    const text = error instanceof BrokerError ? textOf(error) : error.message;
    return {
      level: 'error',
      what: `The broker does not answer as it should: ${text}.`,
      remedy: 'Look at its log. If it is being stopped, wait; else start it again.',
    };
  }
  throw error;
}

function render(dataDir: string, isRunning: boolean, findings: readonly Finding[]): string {
  const lines = [`data folder ${dataDir}, a broker is ${isRunning ? '' : 'not '}running on it`, ''];
  for (const { level, what, remedy } of findings) {
    lines.push(`${level.padEnd(8)} ${printable(what)}`, `${' '.repeat(9)}${printable(remedy)}`, '');
  }
  const counts = levels.map((level) => {
    const count = findings.filter((finding) => finding.level === level).length;
    return `${count} ${level}${count === 1 ? '' : 's'}`;
  });
  lines.push(findings.length === 0 ? 'nothing is wrong' : counts.join(', '));
  return `${lines.join('\n')}\n`;
}

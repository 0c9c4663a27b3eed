import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Excused } from '../../scripts/tidy/function-size.ts';
import { parseSource } from '../../scripts/tidy/source.ts';
import { tidy } from '../../scripts/tidy.ts';

const header = '/** Owns a thing. */\n';

/** What tidy says about one file, as `line message`. */
function judge(path: string, body: string, excused: Excused = {}): string[] {
  return tidy([parseSource(path, header + body)], excused).map(
    ({ line, message }) => `${line} ${message}`,
  );
}

function functionOf(lines: number, name = 'long'): string {
  return `function ${name}(): void {\n${'  work();\n'.repeat(lines - 2)}}\n`;
}

describe('function sizes', () => {
  test('70 lines pass and 71 do not, wherever the function stands', () => {
    assert.deepEqual(judge('src/log/journal.ts', functionOf(70)), []);
    assert.match(judge('src/log/journal.ts', functionOf(71)).join(), /^2 long is 71 lines long/);
    const method = `class Journal {\n  append() {\n${'    work();\n'.repeat(69)}  }\n}\n`;
    assert.match(judge('src/log/journal.ts', method).join(), /Journal\.append is 71 lines/);
    const arrow = `const go = () => {\n${'  work();\n'.repeat(69)}};\n`;
    assert.match(judge('src/log/journal.ts', arrow).join(), /go is 71 lines/);
  });

  test('a group of tests is a list, and each test in it is measured', () => {
    const group = (size: number) =>
      `describe('x', () => {\n${functionOf(40)}test('y', () => {\n${'  work();\n'.repeat(size)}});\n});\n`;
    assert.deepEqual(judge('src/log/journal.test.ts', group(40)), []);
    assert.match(judge('src/log/journal.test.ts', group(70)).join(), /72 lines long/);
  });

  test('an excuse covers its length, and must follow the function down', () => {
    const excuse = { 'src/log/journal.ts#long': 80 };
    assert.deepEqual(judge('src/log/journal.ts', functionOf(80), excuse), []);
    assert.match(judge('src/log/journal.ts', functionOf(81), excuse).join(), /81 lines/);
    assert.match(judge('src/log/journal.ts', functionOf(79), excuse).join(), /lower it to 79/);
    assert.match(judge('src/log/journal.ts', functionOf(5), excuse).join(), /take it off/);
  });
});

describe('determinism', () => {
  const bannedGlobals = [
    'Date.now()',
    'new Date()',
    'performance.now()',
    'Math.random()',
    'setTimeout(work, 1)',
    'setInterval(work, 1)',
    'setImmediate(work)',
    'queueMicrotask(work)',
    'process.exit()',
    'globalThis.setTimeout(work, 1)',
    'use({ setTimeout })',
    'crypto.randomUUID()',
  ];

  test('what differs from run to run is found in the broker, and free in node, cli and app', () => {
    for (const use of bannedGlobals) {
      assert.equal(judge('src/server/connection.ts', `${use};\n`).length, 1, use);
      assert.deepEqual(judge('src/node/clock.ts', `${use};\n`), [], use);
      assert.deepEqual(judge('src/cli/main.ts', `${use};\n`), [], use);
      assert.deepEqual(judge('src/app/main.ts', `${use};\n`), [], use);
    }
  });

  test('the same words as types, properties and our own names are no globals', () => {
    const fine = [
      'let at: Date;',
      'clock.setTimeout(work);',
      'const x = { process: 1 };',
      'interface Ports { setTimeout: typeof setTimeout }',
      'function run(process: () => void) { process(); }',
    ];
    for (const text of fine) assert.deepEqual(judge('src/server/connection.ts', `${text}\n`), []);
  });

  test('modules with effects are found in every form of import, outside src/node', () => {
    const loads = [
      "import * as fs from 'node:fs';",
      "import type { Socket } from 'net';",
      "export { Worker } from 'node:worker_threads';",
      "const fs = await import('node:fs/promises');",
      "const fs = require('fs');",
      "import { setTimeout } from 'node:timers';",
      "import { randomBytes } from 'node:crypto';",
    ];
    for (const load of loads) {
      assert.equal(judge('src/server/connection.ts', `${load}\n`).length, 1, load);
      assert.deepEqual(judge('src/node/disk.ts', `${load}\n`), [], load);
    }
    const hash = "import { createHash } from 'node:crypto';\n";
    assert.deepEqual(judge('src/server/connection.ts', hash), []);
  });

  test('log and broker have no promises', () => {
    const banned = [
      'async function read() {}',
      'const go = async () => {};',
      'const x = await work();',
      'let done: Promise<void>;',
      'Promise.resolve();',
      'work().then(done);',
    ];
    for (const text of banned) {
      assert.equal(judge('src/log/journal.ts', `${text}\n`).length, 1, text);
      assert.equal(judge('src/broker/publish.ts', `${text}\n`).length, 1, text);
      assert.deepEqual(judge('src/server/listener.ts', `${text}\n`), [], text);
      assert.deepEqual(judge('src/log/journal.test.ts', `${text}\n`), [], text);
    }
  });

  test('unit tests do not sleep', () => {
    const sleeps = [
      'setTimeout(done, 10);',
      'setInterval(poll, 10);',
      "import { setTimeout } from 'node:timers/promises';",
    ];
    for (const text of sleeps) {
      assert.equal(judge('src/log/journal.test.ts', `${text}\n`).length, 1, text);
      assert.equal(judge('simulation/clock.test.ts', `${text}\n`).length, 1, text);
      assert.deepEqual(judge('test/crash/kill.test.ts', `${text}\n`), [], text);
    }
  });
});

describe('names, comments, references', () => {
  test('files are kebab-case and say what is in them', () => {
    const bad = [
      'src/log/utils.ts',
      'src/log/helpers.test.ts',
      'src/common/crc.ts',
      'src/log/misc.ts',
      'src/log/types.ts',
      'src/log/segment-manager.ts',
      'src/log/journal-impl.ts',
      'src/log/journal-base.ts',
      'src/log/segmentStore.ts',
      'src/log/Segment.ts',
    ];
    for (const path of bad) assert.equal(judge(path, '').length, 1, path);
    const good = ['src/log/segment-store.test.ts', 'src/record/crc32c.ts', 'src/log/codec.fuzz.ts'];
    for (const path of good) assert.deepEqual(judge(path, ''), [], path);
  });

  test('every file of src begins with what it owns', () => {
    const bare = (path: string, text: string) => tidy([parseSource(path, text)], {}).length;
    assert.equal(bare('src/log/journal.ts', 'export const x = 1;\n'), 1);
    assert.equal(bare('src/log/journal.ts', '// biome-ignore lint: why\nexport const x = 1;\n'), 1);
    assert.equal(bare('src/log/journal.ts', '// The journal.\nexport const x = 1;\n'), 0);
    assert.equal(bare('src/cli/main.ts', '#!/usr/bin/env node\n/** The program. */\n'), 0);
    assert.equal(bare('src/log/journal.test.ts', 'test();\n'), 0);
  });

  test('a mark of unfinished work names its issue, or does not land', () => {
    const [fix, todo] = ['FIX' + 'ME', 'TO' + 'DO'];
    assert.equal(judge('src/log/journal.ts', `// ${fix} later\n`).length, 1);
    assert.equal(judge('src/log/journal.ts', `// ${todo} later\n`).length, 1);
    assert.equal(judge('src/log/journal.ts', `// ${todo}() later\n`).length, 1);
    assert.deepEqual(judge('src/log/journal.ts', `// ${todo}(#12) later\n`), []);
  });

  test('references to specifications have one form each', () => {
    const good = ['MQTT-3.3.1-4', 'AMQP091-4.2.3', 'AMQP10-2.6.7', 'STOMP12-ACK', 'KIP-848'];
    for (const name of good) assert.deepEqual(judge('src/log/x.ts', `// [${name}]\n`), [], name);
    // Without the first bracket, or the project itself would hold malformed ones.
    const bad = [
      'MQTT 3.3.1-4]',
      'MQTT5-3.3.1-4]',
      'mqtt-3.3.1-4]',
      'MQTT-3.3.1-4',
      'MQTT-3.3.1-4, 5]',
      'AMQP-4.2.3]',
      'AMQP091-basic.ack]',
      'STOMP12-1]',
      'KIP848]',
      'KIP 848]',
    ];
    for (const text of bad) {
      assert.equal(judge('src/log/x.test.ts', `test('a title [${text}');\n`).length, 1, text);
    }
    const code = 'const versions = [STOMP12, KIP_LIST, mqttCodec, amqp[0]];\n';
    assert.deepEqual(judge('src/log/x.ts', code), []);
  });
});

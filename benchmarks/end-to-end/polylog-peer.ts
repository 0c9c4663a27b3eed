/**
 * The broker of this checkout, as its users start it.
 */
import { fileURLToPath } from 'node:url';
import { commitText, type Usage } from './machine.ts';
import { type Peer, type PeerKind, PeerProcess } from './peer.ts';

const entry = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const flags = ['--durability', 'fsync', '--retention-check-ms', '200'];

export const polylog: PeerKind = {
  name: 'polylog',
  version: `polylog ${commitText()} on Node ${process.versions.node}`,
  settings: `${flags.join(' ')}: acknowledges after fdatasync`,
  start: () => PolylogPeer.start(),
};

class PolylogPeer implements Peer {
  readonly name = 'polylog';
  readonly recyclingOptions = { 'retention.bytes': String(64 * 1024 * 1024) };
  readonly #process: PeerProcess;
  readonly port: number;
  readonly readyMs: number;

  private constructor(process: PeerProcess, port: number, readyMs: number) {
    this.#process = process;
    this.port = port;
    this.readyMs = readyMs;
  }

  static async start(): Promise<PolylogPeer> {
    const dataDir = PeerProcess.folder('polylog');
    const args = ['start', '--data-dir', dataDir, '--listen', 'kafka://127.0.0.1:0', ...flags];
    const broker = new PeerProcess(dataDir, process.execPath, [
      ...process.execArgv,
      entry,
      ...args,
    ]);
    await broker.waitUntil(() => broker.text.includes('ready in'));
    const readyMs = performance.now() - broker.startedAt;
    const port = /listening kafka:\/\/127\.0\.0\.1:(\d+)/.exec(broker.text)?.[1];
    return new PolylogPeer(broker, Number(port), readyMs);
  }

  get dataDir(): string {
    return this.#process.dataDir;
  }

  usage(): Usage {
    return this.#process.usage();
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}

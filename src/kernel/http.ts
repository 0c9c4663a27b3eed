/**
 * One HTTP request and its answer, as those see them who know no socket.
 *
 * Owns: the seam between what speaks HTTP (`node/`) and what is said in it (`http/`).
 */

/** What is known before the body has come. */
export interface HttpHead {
  readonly method: string;
  /** Path and query as they were sent. */
  readonly target: string;
  /** The value of a header, by its name in lower case. */
  header(name: string): string | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** A request whose head was accepted. */
export interface HttpWork {
  /** What the body may have. A longer one is refused without being kept. */
  readonly bodyBytesMax: number;
  /** `gone` is aborted when nobody waits for the answer any more. Never rejects. */
  run(body: Uint8Array, gone: AbortSignal): Promise<HttpAnswer>;
}

export interface HttpHandler {
  /** Decides on the head alone. An answer is sent without the body being read. */
  begin(head: HttpHead): HttpWork | HttpAnswer;
  /** The answer to what does not reach `begin` or `run`: a status and words for people. */
  refuse(status: number, detail: string): HttpAnswer;
}

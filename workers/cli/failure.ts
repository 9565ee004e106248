/** Exit codes of the command line. */
export const EXIT = { ok: 0, failed: 1, wrongUse: 2, interrupted: 130 } as const;

/** A failure a person can act on: its message is all that is printed. An empty message: it was said already. */
export class CliError extends Error {
  override name = 'CliError';
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.failed, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** The service refused. `code` is a row of the failure table of docs/protocol.md, or `http` for another answer. */
export class Refused extends CliError {
  override name = 'Refused';
  readonly code: string;
  readonly isRetryable: boolean;

  constructor(code: string, message: string, isRetryable: boolean) {
    super(message);
    this.code = code;
    this.isRetryable = isRetryable;
  }
}

/** Nothing answers, or the connection broke before the answer. */
export class Unreachable extends CliError {
  override name = 'Unreachable';
}

/** What is wrong and what to do, in one line. */
export function notThere(url: string, why: string, cause?: unknown): Unreachable {
  const advice = 'start it with `npm start`, or name its address by --url or LONGHAND_URL';
  return new Unreachable(`Longhand does not answer at ${url} (${why}): ${advice}`, undefined, { cause });
}

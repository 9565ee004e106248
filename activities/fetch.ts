/** A file that was named by its address comes into storage as an upload. */
import { ApplicationFailure, Context } from '@temporalio/activity';
import { objectKeys } from '../workflows/contract.ts';
import type { ControlActivities, FetchAnswer, FetchArgs } from '../workflows/contract.ts';

/** What fetching a file needs. */
export interface FetchPorts {
  readonly http: {
    /** An address that may not be spoken to fails with `reason` `forbidden_address`; its message may be shown. */
    open(url: string, signal: AbortSignal): Promise<FoundFile>;
  };
  readonly uploads: {
    /** Nothing is stored unless the body comes to its end; its own errors come through. */
    putStream(key: string, body: AsyncIterable<Uint8Array>): Promise<number>;
  };
  readonly maxBytes: number;
  /** Longest time of one attempt. */
  readonly limitMs: number;
  /** After so many attempts the source is given up. */
  readonly attempts: number;
}

interface FoundFile {
  readonly status: number;
  /** As the server claims; null when it says nothing. */
  readonly bytes: number | null;
  readonly body: AsyncIterable<Uint8Array>;
  close(): void;
}

/** A file that nobody wants any more is let go of at the next beat. */
const BEAT_MS = 1000;
/** Answers after which it may be asked again: later, too many requests, and what is the server's own fault. */
const MAY_PASS: readonly number[] = [408, 425, 429];

/** What makes the session fail, and why. */
class Refused extends Error {
  override name = 'Refused';
  readonly reason: string;

  constructor(reason: string, detail: string) {
    super(detail);
    this.reason = reason;
  }
}

/** The source fails, perhaps for a while. */
class SourceFailed extends Error {
  override name = 'SourceFailed';
}

export function createFetching(ports: FetchPorts): Pick<ControlActivities, 'fetchUpload'> {
  return {
    fetchUpload: async (args) => {
      const context = Context.current();
      const beat = setInterval(() => context.heartbeat(), BEAT_MS);
      try {
        return await fetchOnce(ports, args, context.cancellationSignal);
      } catch (error) {
        if (error instanceof Refused) return refusal(error.reason, error.message);
        if (!(error instanceof SourceFailed)) throw error;
        if (context.info.attempt >= ports.attempts) return refusal('fetch_failed', error.message);
        throw ApplicationFailure.retryable(error.message, 'SourceFailed');
      } finally {
        clearInterval(beat);
      }
    },
  };
}

const refusal = (reason: string, detail: string): FetchAnswer => ({ ok: false, reason, detail });

async function fetchOnce(
  { http, uploads, maxBytes, limitMs }: FetchPorts,
  { ref, uploadId, url }: FetchArgs,
  cancelled: AbortSignal,
): Promise<FetchAnswer> {
  const signal = AbortSignal.any([cancelled, AbortSignal.timeout(limitMs)]);
  const found = await http.open(url, signal).catch((error: unknown) => sourceFailed(error, cancelled));
  const body = readBody(found.body, maxBytes, cancelled);
  try {
    if (found.status !== 200) throw unwanted(found.status);
    if ((found.bytes ?? 0) > maxBytes) throw tooLarge(maxBytes);
    const bytes = await uploads.putStream(objectKeys.upload(ref.tenant, uploadId), body);
    return bytes > 0 ? { ok: true } : refusal('empty_audio', 'the file is empty');
  } finally {
    found.close();
  }
}

function unwanted(status: number): Error {
  const detail = `the server answered ${status} for the file`;
  return status >= 500 || MAY_PASS.includes(status) ? new SourceFailed(detail) : new Refused('fetch_failed', detail);
}

const tooLarge = (maxBytes: number): Refused => new Refused('upload_too_large', `more than ${maxBytes} bytes`);

async function* readBody(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  cancelled: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  let bytes = 0;
  try {
    for await (const chunk of body) {
      bytes += chunk.byteLength;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      Context.current().heartbeat({ fetchedBytes: bytes });
      yield chunk;
    }
  } catch (error) {
    sourceFailed(error, cancelled);
  }
}

/** What went wrong with the source, told without a word of the network in between; a cancelled activity ends as such. */
function sourceFailed(error: unknown, cancelled: AbortSignal): never {
  if (error instanceof Refused || cancelled.aborted) throw error;
  const { reason, message, code, name } = error as Error & { readonly reason?: unknown; readonly code?: unknown };
  if (reason === 'forbidden_address') throw new Refused('forbidden_address', `url: the address ${message}`);
  throw new SourceFailed(`the file did not come: ${typeof code === 'string' ? code : name}`);
}

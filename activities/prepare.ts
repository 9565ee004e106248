/** From an upload to audio logs that are cut into spans. */
import { ApplicationFailure, Context } from '@temporalio/activity';
import {
  LOG_BYTES_PER_MS,
  MAX_FILE_CHANNELS,
  objectKeys,
  PLAIN_UPLOAD_BYTES,
  UPLOAD_MISSING,
} from '../workflows/contract.ts';
import type {
  ControlActivities,
  DecodeAnswer,
  FilePlan,
  PrepareArgs,
  ProbeAnswer,
  SessionRef,
  VersionFacts,
} from '../workflows/contract.ts';
import { cutsOf, spansOf } from '../workflows/plan.ts';
import { untilDamaged } from './damage.ts';
import { FileLog, watched } from './file-log.ts';
import type { AudioLogPort } from './file-log.ts';
import { cutSpans, spanBytesFor } from './spans.ts';
import { openUpload } from './upload-source.ts';
import type { UploadObjects } from './upload-source.ts';

/** What preparing a file needs. */
export interface PreparePorts {
  readonly uploads: UploadObjects & {
    get(key: string): Promise<Uint8Array | null>;
    put(key: string, body: Uint8Array): Promise<void>;
    deleteAll(prefix: string): Promise<void>;
  };
  readonly scratch: { hold(content: AsyncIterable<Uint8Array>): Promise<HeldFile> };
  readonly decoder: Decoder;
  readonly audioLog: AudioLogPort;
  /** Length of the spans that a file is cut into, in milliseconds; those of a long file are longer. */
  readonly spanMs: number;
}

interface HeldFile {
  readonly path: string;
  remove(): Promise<void>;
}

interface Decoder {
  probe(path: string, signal: AbortSignal): Promise<ProbeAnswer>;
  /** The samples of a whole file that needs no decoder; null: it does, or is not taken. */
  plainAudio(file: Uint8Array): Uint8Array | null;
  /** 16 kHz mono s16le. Throws an error with `reason` and `detail`, named `AudioRefused`, for what is not taken. */
  decodeAudio(path: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** The same for each channel: pieces of equal length. */
  decodeChannels(path: string, maxChannels: number, signal: AbortSignal): AsyncIterable<readonly Uint8Array[]>;
}

type Preparation = Pick<
  ControlActivities,
  'probeAudio' | 'decodeAudio' | 'discardUpload' | 'prepareFile' | 'preparePlain' | 'planStored'
>;

/** All of them may run again at any time: what is stored stays. */
export function createPrepare(ports: PreparePorts): Preparation {
  return {
    probeAudio: untilDamaged(({ ref, uploadId }) =>
      withUpload(ports, ref.tenant, uploadId, (path) =>
        ports.decoder.probe(path, Context.current().cancellationSignal),
      ),
    ),
    decodeAudio: untilDamaged(async ({ ref, uploadId }) => {
      const decoded = await decode(ports, { ref, uploadId, channels: 'mixed' });
      return 'logs' in decoded ? answer(await planOf(decoded.logs, ports.spanMs)) : decoded;
    }),
    prepareFile: untilDamaged(async (args) => {
      const known = await readPlan(ports, args.ref);
      if (known !== null) return { ok: true, plan: known };
      const decoded = await decode(ports, args);
      return 'logs' in decoded ? { ok: true, plan: await plan(ports, args.ref, decoded.logs) } : decoded;
    }),
    preparePlain: untilDamaged(async ({ ref, uploadId }) => {
      const [known, log, upload] = await Promise.all([
        readPlan(ports, ref),
        openLog(ports, ref, 0),
        readSmall(ports, ref.tenant, uploadId),
      ]);
      const pcm = upload === null ? null : ports.decoder.plainAudio(upload);
      if (known !== null || pcm === null) return known;
      await log.take(pcm);
      await log.finish();
      return plan(ports, ref, [log]);
    }),
    planStored: untilDamaged(async ({ ref, facts }) => {
      await ports.uploads.put(objectKeys.versionFacts(ref, facts.version), encode(facts satisfies VersionFacts));
      const known = await readPlan(ports, ref);
      if (known !== null) return known;
      return plan(ports, ref, [await openLog(ports, ref, 0)]);
    }),
    discardUpload: ({ ref, uploadId }) => ports.uploads.deleteAll(objectKeys.uploads(ref.tenant, uploadId)),
  };
}

const encode = (document: object): Uint8Array => Buffer.from(JSON.stringify(document), 'utf8');

/** How the session's audio was cut, or null: it was not, or not all of it is stored. */
async function readPlan(ports: PreparePorts, ref: SessionRef): Promise<FilePlan | null> {
  const bytes = await ports.uploads.get(objectKeys.plan(ref));
  return bytes === null ? null : (JSON.parse(Buffer.from(bytes).toString('utf8')) as FilePlan);
}

/** Cuts the audio, and writes down how. */
async function plan(ports: PreparePorts, ref: SessionRef, logs: readonly FileLog[]): Promise<FilePlan> {
  const cut = await planOf(logs, ports.spanMs);
  await ports.uploads.put(objectKeys.plan(ref), encode(cut));
  return cut;
}

/** The whole upload; null where there is none, or it is larger than is prepared at once. */
async function readSmall(ports: PreparePorts, tenant: string, uploadId: string): Promise<Uint8Array | null> {
  const content = await openUpload(ports.uploads, tenant, uploadId);
  if (content === null) return null;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.byteLength;
    if (bytes > PLAIN_UPLOAD_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Fetches the upload into a file for as long as `use` works; cancelling the activity stops the fetching. */
async function withUpload<T>(
  ports: PreparePorts,
  tenant: string,
  uploadId: string,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const content = await openUpload(ports.uploads, tenant, uploadId);
  if (content === null) throw ApplicationFailure.nonRetryable('the upload is not in storage', UPLOAD_MISSING);
  const file = await ports.scratch.hold(watched(content, 'fetchedBytes'));
  try {
    return await use(file.path);
  } finally {
    await file.remove();
  }
}

type Decoded = { readonly logs: readonly FileLog[] } | Extract<ProbeAnswer, { ok: false }>;

/** The audio logs of the upload, sealed: those that are there already, or decoded; or why the file is not taken. */
async function decode(ports: PreparePorts, { ref, uploadId, channels }: PrepareArgs): Promise<Decoded> {
  const first = await openLog(ports, ref, 0);
  // How many channels there are is known only from the upload: the first log alone does not tell that all are stored.
  if (channels === 'mixed' && first.sealed) return { logs: [first] };
  return withUpload(ports, ref.tenant, uploadId, (path) => {
    const { cancellationSignal } = Context.current();
    const pieces =
      channels === 'mixed'
        ? one(ports.decoder.decodeAudio(path, cancellationSignal))
        : ports.decoder.decodeChannels(path, MAX_FILE_CHANNELS, cancellationSignal);
    return fill(ports, ref, first, pieces);
  });
}

const NOTHING = new Uint8Array();

async function openLog(ports: PreparePorts, ref: SessionRef, channel: number): Promise<FileLog> {
  const log = new FileLog(ports.audioLog, objectKeys.audio(ref, channel));
  await log.open();
  return log;
}

async function* one(pcm: AsyncIterable<Uint8Array>): AsyncGenerator<readonly Uint8Array[], void> {
  for await (const piece of pcm) yield [piece];
}

/** Decodes into the logs and seals them. */
async function fill(
  ports: PreparePorts,
  ref: SessionRef,
  first: FileLog,
  decoded: AsyncIterable<readonly Uint8Array[]>,
): Promise<Decoded> {
  const logs = [first];
  try {
    let decodedBytes = 0;
    for await (const pieces of decoded) {
      const { cancellationSignal } = Context.current();
      cancellationSignal.throwIfAborted();
      while (logs.length < pieces.length) logs.push(await openLog(ports, ref, logs.length));
      await Promise.all(logs.map((log, channel) => log.take(pieces[channel] ?? NOTHING)));
      decodedBytes += pieces[0]?.byteLength ?? 0;
      Context.current().heartbeat({ decodedBytes });
      if (logs.every(({ sealed }) => sealed)) break;
    }
    await Promise.all(logs.map((log) => log.finish()));
    return { logs };
  } catch (error) {
    if (isRefusal(error)) return { ok: false, reason: error.reason, detail: error.detail };
    throw error;
  }
}

const isRefusal = (error: unknown): error is Error & { reason: string; detail: string } =>
  error instanceof Error && error.name === 'AudioRefused' && 'reason' in error && 'detail' in error;

async function planOf(logs: readonly FileLog[], spanMs: number): Promise<FilePlan> {
  const totalBytes = logs.reduce((sum, log) => sum + log.totalBytes, 0);
  const spanBytes = spanBytesFor(totalBytes, spanMs * LOG_BYTES_PER_MS);
  const cuts: number[][] = [];
  for (const log of logs) cuts.push(cutsOf(cutSpans(await log.levels(), log.totalBytes, spanBytes)));
  return { cuts };
}

/** As files that began with an earlier version were told. */
const answer = (plan: FilePlan): DecodeAnswer => ({
  ok: true,
  totalBytes: plan.cuts[0]?.at(-1) ?? 0,
  spans: spansOf(plan).map(({ fromByte, toByte }) => ({ fromByte, toByte })),
});

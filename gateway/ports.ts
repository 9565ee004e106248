/** What the gateway needs of the outside; the entry point puts the adapters in. */
import type { BatchInput, BatchItemView, BatchView } from '../workflows/batch/contract.ts';
import type {
  Attach,
  AttachAnswer,
  FileInput,
  GatewayAddress,
  LiveInput,
  ProbedAnswer,
  SegmentsAnswer,
  SessionBounds,
  SessionRef,
  SessionResult,
  SessionView,
  VersionInput,
  WorkerFacts,
} from '../workflows/contract.ts';
import type { PoolView } from '../workflows/pool/contract.ts';
import type { Calendar } from '../workflows/pool/policy.ts';
import type { Limits, Override } from '../workflows/pool/state.ts';
import type { LiveDecodersPort } from './audio/container.ts';
import type { OriginSettings } from './origin.ts';
import type { Catalogue } from './protocol.ts';
import type { OutboundPort, WebhookSettings, WebhooksPort } from './webhooks/port.ts';

/** The audio log (infra/audio-log.ts). Offsets are bytes in the log. */
export interface AudioLogPort {
  /** How much is stored without a gap from 0 on, and whether more can come. */
  extent(prefix: string): Promise<{ readonly durableBytes: number; readonly sealed: boolean }>;
  /** Stores a stretch; false when another one starts there already. */
  append(prefix: string, startByte: number, bytes: Uint8Array): Promise<boolean>;
  /** No byte from `endByte` on can be stored any more; false when one was. */
  seal(prefix: string, endByte: number): Promise<boolean>;
  /** The bytes from `fromByte` up to `toByte` or the present end. */
  read(prefix: string, fromByte: number, toByte?: number): AsyncIterable<Uint8Array>;
}

/** The object storage, as far as a gateway uses it (infra/objects). */
export interface ObjectsPort {
  get(key: string): Promise<Uint8Array | null>;
  getStream(key: string): Promise<AsyncIterable<Uint8Array> | null>;
  put(key: string, body: Uint8Array): Promise<void>;
  /** Stores an object unless the key exists; answers whether it was created. */
  create(key: string, body: Uint8Array): Promise<boolean>;
  putStream(key: string, body: AsyncIterable<Uint8Array>): Promise<number>;
  list(prefix: string): AsyncIterable<{ readonly key: string; readonly bytes: number }>;
  deleteAll(prefix: string): Promise<void>;
  check(): Promise<void>;
}

export interface BatchSummary {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly items: number;
  readonly startedAt: string;
  readonly endedAt: string | null;
}

/** Batches (gateway/temporal/batches.ts). Every call fails with a {@link Failure} a client may see. */
export interface BatchesPort {
  /** False: there is one of this id already. @param fingerprint what an Idempotency-Key must come with again */
  start(input: BatchInput, name: string, fingerprint: string): Promise<boolean>;
  /** Null: there is no such batch. */
  about(ref: SessionRef): Promise<{ readonly name: string; readonly fingerprint: string } | null>;
  view(ref: SessionRef): Promise<BatchView>;
  items(ref: SessionRef, from: number, limit: number): Promise<readonly BatchItemView[]>;
  cancel(ref: SessionRef): Promise<void>;
  list(
    tenant: string,
    limit: number,
    cursor: string | null,
  ): Promise<{ readonly batches: readonly BatchSummary[]; readonly cursor: string | null }>;
}

/** Deletes, provably, even when this process dies (gateway/temporal/erasures.ts). `erasing`: it takes longer than `waitMs`. */
export interface ErasuresPort {
  /** Deletes everything of the session. */
  erase(ref: SessionRef, waitMs: number): Promise<'erased' | 'erasing'>;
  /** Deletes the batch and everything of its sessions. */
  eraseBatch(ref: SessionRef, waitMs: number): Promise<'erased' | 'erasing'>;
}

export interface PartTag {
  readonly partNumber: number;
  readonly etag: string;
}

/** Uploads whose parts a client puts into the store at signed addresses (infra/objects/s3-multipart.ts). */
export interface MultipartPort {
  /** Answers the store's own id of the upload. */
  begin(key: string): Promise<string>;
  signPart(key: string, multipartId: string, partNumber: number, forMs: number): Promise<string>;
  /** What is stored of it; null when there is no such upload. */
  parts(key: string, multipartId: string): Promise<readonly (PartTag & { readonly bytes: number })[] | null>;
  complete(key: string, multipartId: string, parts: readonly PartTag[]): Promise<void>;
  abort(key: string, multipartId: string): Promise<void>;
}

export interface SessionSummary {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly model: string;
  readonly labels: readonly string[];
  readonly worker: string | null;
  readonly startedAt: string;
  readonly endedAt: string | null;
}

/** Which sessions a list shows; what is absent does not matter. Times are ISO 8601. */
export interface SessionFilter {
  readonly state?: string | undefined;
  readonly model?: string | undefined;
  readonly kind?: string | undefined;
  readonly startedAfter?: string | undefined;
  readonly startedBefore?: string | undefined;
  /** All of them. */
  readonly labels: readonly string[];
}

export interface WorkerSummary extends WorkerFacts {
  readonly draining: boolean;
  readonly sessions: readonly string[];
}

/** A session in a pool's queue, in the order in which Temporal is likely to serve it. */
export interface QueuedSession {
  readonly workflowId: string;
  readonly kind: SlotUser;
}

/** What holds a worker's slot: a live session, or a span of a file. */
export type SlotUser = 'live' | 'span';

/** How long slots of a model are held, in milliseconds. */
export interface SlotTimes {
  /** By those that hold one, so far. */
  readonly held: readonly { readonly kind: SlotUser; readonly ms: number }[];
  /** By those that ended last, from their last lease to their end. */
  readonly recent: Readonly<Record<SlotUser, readonly number[]>>;
}

/** The workflows (gateway/temporal.ts). Every call fails with a {@link Failure} a client may see. */
export interface SessionsPort {
  /** Starts the session or takes it up again; `ended` when it is over. */
  attach(input: LiveInput, attach: Attach): Promise<AttachAnswer | { readonly ended: SessionResult }>;
  detach(ref: SessionRef, connection: string): Promise<void>;
  finishAudio(ref: SessionRef, endByte: number): Promise<void>;
  workerLost(workflowId: string, epoch: number, why: string): Promise<void>;
  segments(ref: SessionRef, from: number): Promise<SegmentsAnswer>;
  /** Waits until the session has ended, however long; repeats itself while Temporal is away. */
  result(ref: SessionRef, signal: AbortSignal): Promise<SessionResult>;
  /**
   * One turn whenever something may have happened in the session, until its workflow has closed or the signal is aborted;
   * waits while Temporal is away.
   */
  changes(ref: SessionRef, signal: AbortSignal): AsyncIterable<unknown>;
  /** @param waitMs answers the decoder's verdict as well, or null when it takes longer; absent: at once, with null. */
  startFile(input: FileInput, waitMs?: number): Promise<ProbedAnswer | null>;
  /** What a session was started with under an Idempotency-Key; null: there is no such session, or it had none. */
  fingerprint(ref: SessionRef): Promise<string | null>;
  /** The decoder's verdict, or null when it takes longer than `waitMs`. */
  probed(ref: SessionRef, waitMs: number): Promise<ProbedAnswer | null>;
  view(ref: SessionRef): Promise<SessionView>;
  /** The same, at less cost where the session is over. */
  look(ref: SessionRef): Promise<SessionView>;
  cancel(ref: SessionRef): Promise<void>;
  /** Another worker is to go on at the next segment boundary. */
  handOver(ref: SessionRef): Promise<void>;
  /** The worker takes no new session, and hands over those it has. */
  drainWorker(workerId: string): Promise<void>;
  list(
    tenant: string,
    filter: SessionFilter,
    limit: number,
    cursor: string | null,
  ): Promise<{ sessions: SessionSummary[]; cursor: string | null }>;
  queue(model: string): Promise<QueuedSession[]>;
  /** Workflow ids of the live sessions that wait for a worker of the model; at most so many of them. */
  waitingSessions(model: string, atMost: number): Promise<readonly string[]>;
  /** How many live sessions of a tenant are open of those that were started at a time, or before. */
  openSessions(tenant: string, startedByMs: number): Promise<number>;
  /** How many sessions of a tenant, live ones and files, have ended; up to a second old. */
  endedSessions(tenant: string): Promise<number>;
  /** Whether there is such a session, running or ended. */
  exists(ref: SessionRef): Promise<boolean>;
  slotTimes(model: string): Promise<SlotTimes>;
  workers(): Promise<WorkerSummary[]>;
  check(): Promise<void>;
}

/** The pools' scalers. Every call fails with a {@link Failure} a client may see: `not_found` where nobody scales a pool. */
export interface PoolsPort {
  view(model: string): Promise<PoolView>;
  /** A session found no free slot: the pool is looked at now. No fault where nobody scales it. */
  wake(model: string): Promise<void>;
  override(model: string, override: Override | null): Promise<void>;
  pause(model: string, paused: boolean): Promise<void>;
  limits(model: string, limits: Limits | null): Promise<void>;
  calendar(model: string, calendar: Calendar | null): Promise<void>;
}

/** What may be asked of files, and of other versions of a transcript, besides. Fails as {@link SessionsPort} does. */
export interface FilesPort {
  stop(ref: SessionRef): Promise<void>;
  /** What a file was started with. */
  input(ref: SessionRef): Promise<FileInput>;
  /** Starts a file that has ended once more, under the same id. */
  restart(input: FileInput): Promise<void>;
  /** Answers false where there is a version of that number. */
  startVersion(input: VersionInput): Promise<boolean>;
  /** Ends a version other than the first; one that has ended is as it was. */
  cancelVersion(ref: SessionRef, version: number): Promise<void>;
  /** A version other than the first. */
  versionView(ref: SessionRef, version: number): Promise<SessionView>;
}

export interface Log {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

/** Settings of the kaldi-gstreamer-server front. */
export interface KaldiSettings {
  /** A client that would have to wait for a worker is sent away with status 9, as the old server did. */
  readonly status9: boolean;
  /** Audio without a word after which a session ends with status 1; 0: never. */
  readonly silenceMs: number;
}

/** Settings of a gateway; see infra/config.ts for each. Durations in milliseconds. */
export interface GatewaySettings {
  readonly tenant: string;
  /** Fairness weight of a tenant. */
  readonly weightOf: (tenant: string) => number;
  readonly catalogue: Catalogue;
  readonly bounds: SessionBounds;
  readonly internalKey: string | null;
  readonly origins: OriginSettings;
  readonly ackIntervalMs: number;
  readonly maxFrameBytes: number;
  readonly sessionBufferBytes: number;
  readonly recentAudioBytes: number;
  readonly clientBufferBytes: number;
  readonly sendAheadMs: number;
  readonly maxQueue: number;
  readonly maxTenantSessions: number;
  /** On the average; ten seconds' worth may come at once. */
  readonly tenantRequestsPerS: number;
  /** Messages of less than 32 bytes that one connection may send; counted as {@link tenantRequestsPerS}. */
  readonly tinyMessagesPerS: number;
  readonly maxUploadBytes: number;
  readonly uploadStallMs: number;
  /** How long an upload that starts no session is kept. */
  readonly uploadTtlMs: number;
  readonly maxBatchItems: number;
  /** Files of one batch under way at a time. */
  readonly batchSideBySide: number;
  readonly prepareWaitMs: number;
  /** How long a request of a drop-in front waits for its transcript. */
  readonly answerWaitMs: number;
  readonly keepaliveMs: number;
  readonly clientGraceMs: number;
  readonly quietGraceMs: number;
  readonly workerSilenceMs: number;
  readonly workerStallMs: number;
  readonly kaldi: KaldiSettings;
  readonly maxEventStreams: number;
  readonly eventsHeartbeatMs: number;
  readonly webhooks: WebhookSettings;
}

export interface Gateway {
  readonly address: GatewayAddress;
  readonly sessions: SessionsPort;
  readonly files: FilesPort;
  readonly pools: PoolsPort;
  readonly webhooks: WebhooksPort;
  readonly outbound: OutboundPort;
  readonly audioLog: AudioLogPort;
  readonly objects: ObjectsPort;
  readonly batches: BatchesPort;
  readonly erasures: ErasuresPort;
  /** Null: the storage signs no addresses. */
  readonly multipart: MultipartPort | null;
  readonly decoders: LiveDecodersPort;
  readonly settings: GatewaySettings;
  readonly log: Log;
}

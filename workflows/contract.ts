/**
 * What every process agrees on: words of a session, ids, task queues, and the names and payloads of updates, signals
 * and queries. Plain JSON only: all of it crosses a process or lives in a workflow's history.
 */
import type { ResultsReceiver, WebhookTarget } from './webhook/contract.ts';

/** A session's name. `id` is chosen by the client or generated; both parts match {@link NAME_PATTERN}. */
export interface SessionRef {
  readonly tenant: string;
  readonly id: string;
}

/** Names that may stand in workflow ids, task queues and object keys: no slash, no leading dot, at most 128 characters. */
export const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Task queue of the orchestrator: all workflows and the control activities. */
export const CONTROL_QUEUE = 'orchestrator';

/** Task queue of what prepares files, which takes minutes to hours: it has slots of its own. */
export const PREPARE_QUEUE = 'orchestrator.prepare';

/** Task queue of the orchestrator for files that are fetched from an address: slow servers hold nothing else up. */
export const FETCH_QUEUE = 'orchestrator.fetch';

/** Task queue that every worker of a model polls while it has a free slot: waiting there is waiting for a worker. */
export const poolQueue = (model: string): string => `pool.${model}`;

/** A worker's own task queue: streams of leases it has granted, and its presence. */
export const workerQueue = (workerId: string): string => `worker.${workerId}`;

export const sessionWorkflowId = (ref: SessionRef): string => `session/${ref.tenant}/${ref.id}`;

/** A transcription of a session's stored audio by another model; the session's own is version 1. */
export const versionWorkflowId = (ref: SessionRef, version: number): string =>
  version === 1 ? sessionWorkflowId(ref) : `${sessionWorkflowId(ref)}/version/${version}`;

/** A span of a file is a session of its own, below the file's. */
export const spanWorkflowId = (ref: SessionRef, span: number, version = 1): string =>
  `${versionWorkflowId(ref, version)}/span/${span}`;

/** Shares a tenant's lanes out among its files. */
export const lanesWorkflowId = (tenant: string): string => `lanes/${tenant}`;

export const workerWorkflowId = (workerId: string): string => `worker/${workerId}`;

const padded = (index: number): string => String(index).padStart(10, '0');
const short = (number: number): string => String(number).padStart(6, '0');

/** Object keys of a session. `offset` and `index` are padded so that a listing is in order. */
export const objectKeys = {
  /** Everything a session makes lies below this prefix. */
  session: (ref: SessionRef): string => `sessions/${ref.tenant}/${ref.id}/`,
  /** An upload is stored before its session is known: form fields may follow the file. */
  uploads: (tenant: string, uploadId: string): string => `uploads/${tenant}/${uploadId}/`,
  upload: (tenant: string, uploadId: string): string => `${objectKeys.uploads(tenant, uploadId)}file`,
  /** What a resumable or presigned upload was begun with. */
  uploadInfo: (tenant: string, uploadId: string): string => `${objectKeys.uploads(tenant, uploadId)}info.json`,
  /** Names the session that an upload is for: created once, so that one upload starts one session. */
  uploadClaim: (tenant: string, uploadId: string): string => `${objectKeys.uploads(tenant, uploadId)}claim`,
  /** A resumable upload is stored as it comes; each part is named by its first byte. */
  uploadParts: (tenant: string, uploadId: string): string => `${objectKeys.uploads(tenant, uploadId)}parts/`,
  uploadPart: (tenant: string, uploadId: string, offset: number): string =>
    `${objectKeys.uploadParts(tenant, uploadId)}${String(offset).padStart(16, '0')}`,
  /** The audio log of one channel; all that is not taken apart is channel 0. */
  audio: (ref: SessionRef, channel = 0): string =>
    `${objectKeys.session(ref)}${channel === 0 ? 'audio' : `audio-${channel}`}/`,
  /** How the stored audio is cut into spans: a {@link FilePlan}. */
  plan: (ref: SessionRef): string => `${objectKeys.session(ref)}plan.json`,
  /** Segments [first, end): the same index always holds the same segment, so overlapping checkpoints agree. */
  checkpoint: (ref: SessionRef, span: number | null, first: number, end: number, version = 1): string =>
    `${objectKeys.checkpoints(ref, span, version)}${padded(first)}-${padded(end)}.json`,
  checkpoints: (ref: SessionRef, span: number | null, version = 1): string =>
    `${objectKeys.transcripts(ref, span, version)}checkpoint/`,
  versions: (ref: SessionRef): string => `${objectKeys.session(ref)}versions/`,
  /** What a version's workflow makes lies below this prefix; version 1 is the session itself. */
  version: (ref: SessionRef, version: number): string =>
    version === 1 ? objectKeys.session(ref) : `${objectKeys.versions(ref)}${short(version)}/`,
  /** What a version was asked for: {@link VersionFacts}. */
  versionFacts: (ref: SessionRef, version: number): string => `${objectKeys.version(ref, version)}version.json`,
  spans: (ref: SessionRef, version = 1): string => `${objectKeys.version(ref, version)}spans/`,
  /** Prefix of a live session's or file's own transcript, or of one span's. */
  transcripts: (ref: SessionRef, span: number | null, version = 1): string =>
    span === null ? objectKeys.version(ref, version) : `${objectKeys.spans(ref, version)}${short(span)}/`,
  transcript: (ref: SessionRef, span: number | null, format: WrittenFormat, version = 1): string =>
    `${objectKeys.transcripts(ref, span, version)}transcript.${format}`,
};

/** Formats written to storage when a session ends. The others are made of `json` when they are asked for. */
export const WRITTEN_FORMATS = ['txt', 'json', 'srt', 'vtt'] as const;
export type WrittenFormat = (typeof WRITTEN_FORMATS)[number];
export const TRANSCRIPT_FORMATS = [...WRITTEN_FORMATS, 'verbose_json', 'tsv'] as const;
export type TranscriptFormat = (typeof TRANSCRIPT_FORMATS)[number];

/** The audio log holds 16 kHz mono signed 16-bit little-endian samples: 32 bytes a millisecond. */
export const LOG_SAMPLE_RATE = 16_000;
export const LOG_BYTES_PER_MS = 32;

/** An upload of so few bytes is prepared in its workflow's own task, where it needs no decoder: a minute of audio. */
export const PLAIN_UPLOAD_BYTES = 2 << 20;

/** What becomes of a file of several channels: one text of their mixture, or each its own audio log and segments. */
export const CHANNEL_MODES = ['mixed', 'separate'] as const;
export type ChannelMode = (typeof CHANNEL_MODES)[number];
/** A file of more channels is not taken apart. */
export const MAX_FILE_CHANNELS = 8;

/** One word; times in milliseconds from the start of the session's audio. */
export interface Word {
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
  /** 0 to 1; absent where the model gives none. */
  readonly confidence?: number;
}

/** A final piece of transcript; immutable once committed. */
export interface Segment {
  /** Counts from 0 without gaps within a session. */
  readonly index: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly text: string;
  readonly words: readonly Word[];
  /** Whether word times come from the model or are spread over the voiced stretch. */
  readonly timing: 'model' | 'estimated';
  /** Counts from 0. */
  readonly channel: number;
  /** The stretch of the audio log this segment accounts for, in bytes: [startByte, endByte). */
  readonly startByte: number;
  readonly endByte: number;
  /**
   * Absent or 0: as the session was first heard. 1: its stretch was a hole that was transcribed again, alone, at the end;
   * its index follows the others', its times lie between theirs.
   */
  readonly revision?: number;
}

/** One session's hold on one worker slot. A new lease has a higher epoch than every earlier one. */
export interface Lease {
  readonly leaseId: string;
  readonly epoch: number;
  readonly workerId: string;
  readonly taskQueue: string;
}

/** Which gateway process serves a session: `instance` changes when the process is started anew at the same address. */
export interface GatewayAddress {
  /** Base address the worker dials, e.g. `ws://10.0.0.3:8080`. */
  readonly url: string;
  readonly instance: string;
}

/** How the client encodes its audio; all bytes in the native protocol are counted in this encoding. */
export interface AudioFormat {
  readonly encoding: 's16le' | 'mulaw' | 'alaw';
  /** Samples a second of one channel. */
  readonly sampleRate: number;
  readonly channels: number;
}

export const PRIORITIES = ['high', 'normal', 'low'] as const;
export type PriorityClass = (typeof PRIORITIES)[number];

/** Bounds of a session; each is a setting with a default (infra/config.ts). */
export interface SessionBounds {
  /** How long a live session stays open without its client. */
  readonly resumeWindowMs: number;
  /** Longest life of a session. */
  readonly maxSessionMs: number;
  /** How long a lease lives that nobody uses. */
  readonly leaseTtlMs: number;
  /** Last resort when a worker dies without anyone noticing. */
  readonly heartbeatTimeoutMs: number;
  /** Continue as new once the history holds so many events. */
  readonly rotateAfterEvents: number;
  /** Write a checkpoint once so many segments are in the tail. */
  readonly checkpointEverySegments: number;
  /** Spans of one file that may be transcribed side by side. */
  readonly maxParallelSpans: number;
  /** Spans of all files of the tenant that may be; absent: as many as its files have. */
  readonly maxTenantSpans?: number;
  /**
   * What takes a moment is done in the workflow's own task, and a file of one span takes no lane. Absent: an earlier version
   * has begun it.
   */
  readonly inPlace?: true;
  /**
   * A file of one span is prepared, where that takes a moment, and transcribed in its own workflow; and the last commit of a
   * span comes with the end of its stream. Absent: an earlier version has begun it.
   */
  readonly lean?: true;
}

/** What every kind of session is started with. */
export interface SessionSpec {
  readonly ref: SessionRef;
  readonly model: string;
  readonly language: string;
  readonly priority: PriorityClass;
  /** What its client wrote on it, each `key:value`; absent: nothing. */
  readonly labels?: readonly string[];
  /** Fairness weight of the tenant. */
  readonly weight: number;
  readonly bounds: SessionBounds;
  /** Who is told of the session's end; absent: nobody. Spans have none. */
  readonly webhook?: WebhookTarget;
}

export interface LiveInput extends SessionSpec {
  readonly kind: 'live';
  readonly audio: AudioFormat;
  /** Absent: nobody. */
  readonly results?: ResultsReceiver;
}

/** One stretch of a file's audio log, transcribed on its own. `toByte` is exclusive. */
export interface SpanInput extends SessionSpec {
  readonly kind: 'span';
  readonly span: number;
  readonly fromByte: number;
  readonly toByte: number;
  /** A hole of a live session whose client waits for the end: it goes before new sessions. */
  readonly urgent?: boolean;
  /** Whose audio log; absent: 0. */
  readonly channel?: number;
  /** Absent: 1. */
  readonly version?: number;
  /** No lease of the span has a lower epoch: those before it were an earlier run's. */
  readonly firstEpoch?: number;
}

export interface FileInput extends SessionSpec {
  readonly kind: 'file';
  /** As the client named it; shown, never used as a path. */
  readonly fileName: string;
  readonly uploadId: string;
  readonly uploadBytes: number;
  /** Of the request that named an Idempotency-Key: what the same key must come with again. */
  readonly fingerprint?: string;
  /** The file is to be fetched from there first; absent: it is in storage. */
  readonly sourceUrl?: string;
  /** Absent: `mixed`. */
  readonly channels?: ChannelMode;
  /** How often it was restarted; absent: never. */
  readonly restarts?: number;
}

/** The stored audio of a session that has ended, transcribed again. */
export interface VersionInput extends SessionSpec {
  readonly kind: 'version';
  /** From 2 on. */
  readonly version: number;
}

/** The object `version.json`. */
export interface VersionFacts {
  readonly version: number;
  readonly model: string;
  readonly language: string;
  /** ISO 8601. */
  readonly createdAt: string;
}

export type StreamInput = LiveInput | SpanInput;

/** How a session ended. `reason` names a row of the failure table when `state` is `failed`. */
export interface SessionResult {
  readonly state: 'completed' | 'cancelled' | 'failed';
  readonly reason: string | null;
  /** Safe to show to the client. */
  readonly detail: string | null;
  readonly segments: number;
  /** Length of the audio that was transcribed. */
  readonly audioMs: number;
  /** Stretches of the audio log of which no recogniser could make text. */
  readonly holes?: readonly Span[];
  /** As it was seen last: whoever looks at it later need not ask its workflow. Absent: a span, or an earlier version's. */
  readonly view?: SessionView;
}

/** How a file ended; one that was `stopped` may go on. */
export interface FileResult extends Omit<SessionResult, 'state' | 'holes'> {
  readonly state: SessionResult['state'] | 'stopped';
}

/** Names under which gateway, workers and workflows meet. */
export const UPDATE = { attach: 'attach', commit: 'commitSegments', probed: 'probed' } as const;
export const SIGNAL = {
  detach: 'detach',
  finishAudio: 'finishAudio',
  workerLost: 'workerLost',
  handOver: 'handOver',
  cancel: 'cancel',
  stop: 'stop',
  askLanes: 'askLanes',
  grantLanes: 'grantLanes',
  drain: 'drain',
} as const;
export const QUERY = { view: 'view', segments: 'segments', input: 'input' } as const;
export const WORKFLOW = {
  session: 'session',
  span: 'span',
  file: 'file',
  erase: 'erase',
  eraseBatch: 'eraseBatch',
  version: 'version',
  lanes: 'lanes',
  worker: 'worker',
  batch: 'batch',
  retention: 'retention',
  pool: 'pool',
  webhook: 'webhook',
  results: 'results',
  receiver: 'receiver',
} as const;

/** Signal `askLanes`: so many spans at a time is what a file would run, from now on; 0: it is done. */
export interface AskLanes {
  /** Workflow id. */
  readonly file: string;
  readonly lanes: number;
  /** How many it holds, as it knows; absent: an earlier version's, which holds what it was granted. */
  readonly holds?: number;
  readonly priority: PriorityClass;
  /** How many lanes the tenant has. */
  readonly bound: number;
  /** Counts what the file asks: a grant that crosses a later one is void, and so is an older ask. */
  readonly turn: number;
  /** When the file began, in milliseconds since 1970: tells it from an earlier one of the same id. Absent: an earlier version's. */
  readonly life?: number;
}

/** Signal `grantLanes`: so many spans at a time are what the file may run. */
export interface GrantLanes {
  readonly lanes: number;
  /** The last that was heard of the file. */
  readonly turn: number;
  readonly life?: number;
}

/** Update `attach`: a client has come (again) through a gateway. The newest attach wins. */
export interface Attach {
  readonly gateway: GatewayAddress;
  /** Names one client connection. */
  readonly connection: string;
  readonly audio: AudioFormat;
  /** Absent: the client does not number its connections. */
  readonly attempt?: ConnectionAttempt;
}

/** A client numbers its connections to a session, so that one which the network held up does not take it over from a later one. */
export interface ConnectionAttempt {
  readonly client: string;
  readonly number: number;
}

export interface AttachAnswer {
  /** Counts attaches; a gateway that holds an older one has been superseded. */
  readonly generation: number;
  readonly nextIndex: number;
  /** Bytes of the audio log that committed segments account for. */
  readonly throughByte: number;
  /** The audio format the session was started with; another one is refused. */
  readonly audio: AudioFormat;
  readonly model: string;
  readonly language: string;
  /** Set once the client has said `end`: no more audio is taken. */
  readonly audioEndByte: number | null;
}

/** Signal `detach`: the client's connection is gone. Ignored unless it is the present one. */
export interface Detach {
  readonly connection: string;
}

/** Signal `finishAudio`: the client said `end`, and all its audio is stored and sealed at `endByte`. */
export interface FinishAudio {
  readonly endByte: number;
}

/** Signal `workerLost`: the gateway saw the worker of this epoch go or hang. */
export interface WorkerLost {
  readonly epoch: number;
  readonly why: string;
}

/**
 * Update `commitSegments`. `throughByte` is the offset in the audio log from which another recogniser may start without
 * losing or repeating a word; with no segments it records silence. Refused with {@link REFUSAL}.
 */
export interface Commit {
  readonly epoch: number;
  readonly segments: readonly Segment[];
  readonly throughByte: number;
  /** Speech before `throughByte` of which the recogniser could make no text. */
  readonly holes?: readonly Span[];
}

/** What a stream commits with its end: by the epoch of its lease. */
export type LastCommit = Omit<Commit, 'epoch'>;

export interface CommitAnswer {
  readonly nextIndex: number;
  /** The stream activity is to end with `rotate`: the workflow continues as new and takes the lease along. */
  readonly rotate: boolean;
}

/** Types of the ApplicationFailure by which a commit or an attach is refused. */
export const REFUSAL = {
  /** The commit comes from a lease that is no longer the session's. */
  staleEpoch: 'StaleEpoch',
  /** Too many segments wait for their checkpoint: storage is away. The commit is to be tried again. */
  tailFull: 'TailFull',
  /** The first segment leaves a gap. */
  indexGap: 'IndexGap',
  /** Another audio format than the session was started with. */
  formatChanged: 'FormatChanged',
  /** The session is over. */
  sessionEnded: 'SessionEnded',
  /** A later connection of the same client is attached. */
  outdatedAttempt: 'OutdatedAttempt',
  /** The session is a file: no client speaks to it. */
  notLive: 'NotLive',
} as const;

/** Type of the ApplicationFailure of a control activity whose upload is not (any more) in storage. */
export const UPLOAD_MISSING = 'UploadMissing';

/** Type of the ApplicationFailure of a control activity to which storage gives back something else than was written. */
export const STORAGE_DAMAGED = 'StorageDamaged';

/** Query `segments`: the tail from `from` on; what lies before `tailFrom` is in checkpoints. */
export interface SegmentsAnswer {
  readonly tailFrom: number;
  readonly segments: readonly Segment[];
}

export type SessionState =
  'preparing' | 'queued' | 'streaming' | 'idle' | 'closing' | 'completed' | 'stopped' | 'cancelled' | 'failed';

/** Query `view`: what an operator and the REST API see of a session. */
export interface SessionView {
  readonly state: SessionState;
  readonly kind: 'live' | 'file' | 'span';
  readonly model: string;
  readonly language: string;
  readonly priority: PriorityClass;
  readonly lease: Lease | null;
  readonly epoch: number;
  readonly nextIndex: number;
  readonly throughByte: number;
  readonly audioEndByte: number | null;
  readonly attached: boolean;
  readonly generation: number;
  readonly reason: string | null;
  readonly detail: string | null;
  /** Absent: none. */
  readonly labels?: readonly string[];
  /** Files: finished and all spans. */
  readonly spans: { readonly done: number; readonly total: number } | null;
  /** Channels that are transcribed apart; absent: one. */
  readonly channels?: number;
  /** How fast a file goes; absent while nothing is known of it. */
  readonly pace?: Pace;
  /** When the first run began, ISO 8601; absent in sessions of an earlier version. */
  readonly startedAt?: string;
}

/** Since when a file is transcribed, and which share of all its audio, 0 to 1, was finished since. */
export interface Pace {
  readonly sinceMs: number;
  readonly share: number;
  /** When it will be done, by the moments at which spans were finished; null while there are too few. */
  readonly endMs: number | null;
}

/** Search attributes, registered with the Temporal server. */
export const SEARCH_ATTRIBUTES = {
  LonghandTenant: 'Keyword',
  LonghandState: 'Keyword',
  LonghandModel: 'Keyword',
  LonghandKind: 'Keyword',
  LonghandWorker: 'Keyword',
  LonghandPriority: 'Int',
  LonghandQueuedAt: 'Datetime',
  /** When the session was given the worker that it has, or had last. */
  LonghandLeasedAt: 'Datetime',
  /** When the session began: a list that goes by the start of its present run would lose it when its history begins anew. */
  LonghandStartedAt: 'Datetime',
  /** Each `key:value`. */
  LonghandLabels: 'KeywordList',
} as const;

// ---- activities -------------------------------------------------------------------------------------------------

export interface AllocateArgs {
  readonly workflowId: string;
  readonly epoch: number;
  readonly model: string;
  /** How long the lease lives unused. */
  readonly leaseTtlMs: number;
}

export interface StreamArgs {
  readonly workflowId: string;
  readonly ref: SessionRef;
  readonly lease: Lease;
  readonly kind: 'live' | 'span';
  readonly language: string;
  /** Where to dial for audio; null means any gateway (the worker's own setting). */
  readonly gateway: GatewayAddress | null;
  /** First byte of the audio log that no committed segment accounts for. */
  readonly fromByte: number;
  /** End of a span, exclusive; null for live audio. */
  readonly toByte: number | null;
  readonly nextIndex: number;
  /** The newest attach when this stream was asked for. */
  readonly generation: number;
  /** No more audio is taken: the gateway seals the log where it ends. */
  readonly drain: boolean;
  /** Whose audio log; absent: 0. */
  readonly channel?: number;
  /** Nobody waits for finals: they may be committed some at a time, and the last of them with the outcome. */
  readonly lean?: true;
}

/**
 * How `streamChunks` ended.
 * - `end`: every byte up to the end is recognised and committed; the lease is released.
 * - `rotate`: the workflow may continue as new; the lease goes on.
 * - `handedOver`: another worker is to go on after the last committed segment; the lease is released.
 * - `paused`: the client is away; all that came is recognised and committed; the lease is released.
 * - `quiet`: the client is there and sends no audio; as `paused`.
 * - `gatewayLost`: no gateway answered for the grace time; as `paused`.
 * - `superseded`: a newer `streamChunks` has taken over the same lease; the lease goes on.
 * - `leaseExpired`: the worker does not know the lease (any more).
 * - `fenced`: a newer epoch exists.
 * - `engineFailed`: the recogniser failed; the lease is released.
 * - `audioDamaged`: the stored audio is not what was written; the lease is released.
 */
export interface StreamOutcome {
  readonly why:
    | 'end'
    | 'rotate'
    | 'handedOver'
    | 'paused'
    | 'quiet'
    | 'gatewayLost'
    | 'superseded'
    | 'leaseExpired'
    | 'fenced'
    | 'engineFailed'
    | 'audioDamaged';
  readonly detail: string | null;
  /** With `paused`, `quiet` and `gatewayLost`: the newest attach of which the lease knew when it began to end. A newer one wants a slot. */
  readonly generation?: number;
  /** With `end`: all audio before it was recognised, and is in a committed segment, or a hole, or silence. */
  readonly throughByte?: number;
  /** With `end`, where {@link StreamArgs.lean}: what is not committed yet. */
  readonly commit?: LastCommit;
}

/** Activity `handOverLease`: the stream of this lease ends at the next segment boundary, for another worker to go on. */
export interface HandOverArgs {
  readonly leaseId: string;
}

export interface CheckpointArgs {
  readonly ref: SessionRef;
  readonly span: number | null;
  readonly segments: readonly Segment[];
  /** Absent: 1. */
  readonly version?: number;
}

export interface WriteTranscriptArgs {
  readonly ref: SessionRef;
  readonly span: number | null;
  /** Absent: 1. */
  readonly version?: number;
  /** Segments not yet in a checkpoint. */
  readonly tail: readonly Segment[];
  readonly segmentCount: number;
  readonly meta: TranscriptMeta;
  /** Absent: what of the audio has no text is not looked for. */
  readonly coverage?: Coverage;
  /** Null: no hole was repaired yet; where there are holes, they are answered and nothing is written. */
  readonly repairs?: Repairs | null;
}

/** Holes that were transcribed again, each as a span of its own. */
export interface Repairs {
  /** Spans [firstSpan, firstSpan + spans) are to be joined in, as revision 1. */
  readonly firstSpan: number;
  readonly spans: number;
  /** What they left open. */
  readonly open: readonly Span[];
}

/** What of the audio log [fromByte, toByte) a session says it has accounted for. */
export interface Coverage {
  readonly fromByte: number;
  /** Null: where the stored audio ends. */
  readonly toByte: number | null;
  /** Everything before is in a segment, or a hole, or silence. */
  readonly throughByte: number;
  readonly holes: readonly Span[];
}

/** Answer of `writeTranscript`. */
export interface TranscriptWritten {
  /** Segments of the transcript, repaired ones included. */
  readonly segments: number;
  /** Stretches of audio without text: to be repaired first where `repairs` was null, left open otherwise. */
  readonly holes: readonly Span[];
}

/** The transcript of a file's one span is the file's, unless something is left to be done. */
export interface FinishWholeArgs {
  readonly span: WriteTranscriptArgs;
  readonly meta: TranscriptMeta;
  /** As in {@link FinishFileArgs}. */
  readonly uploadId: string | null;
}

export interface TranscriptMeta {
  readonly id: string;
  readonly tenant: string;
  readonly model: string;
  readonly language: string;
  readonly state: FileResult['state'];
  readonly audioMs: number;
  /** Channels that were transcribed apart; absent: one. */
  readonly channels?: number;
  /** Absent: 1, as the session was first transcribed. */
  readonly version?: number;
}

/** The object `transcript.json`. */
export interface TranscriptDocument extends TranscriptMeta {
  readonly text: string;
  /** In the order of their audio; those of a higher revision have indexes that follow all others. */
  readonly segments: readonly Segment[];
  /** Stretches of audio of which no recogniser could make text, in milliseconds. */
  readonly holes?: readonly Hole[];
}

export interface Hole {
  readonly startMs: number;
  readonly endMs: number;
  /** Absent where there is one. */
  readonly channel?: number;
}

export interface ProbeArgs {
  readonly ref: SessionRef;
  readonly uploadId: string;
}

/** The file of a session that was started with an address. */
export interface FetchArgs {
  readonly ref: SessionRef;
  readonly uploadId: string;
  readonly url: string;
}

/** A refusal's `reason` is `fetch_failed`, `forbidden_address`, `upload_too_large` or `empty_audio`. */
export type FetchAnswer =
  { readonly ok: true } | { readonly ok: false; readonly reason: string; readonly detail: string };

/** What a decoder said of an upload. A refusal's `reason` is `unsupported_audio`, `empty_audio` or `too_long`. */
export type ProbeAnswer =
  { readonly ok: true } | { readonly ok: false; readonly reason: string; readonly detail: string };

/** Update `probed`: with how the session is seen by then; an earlier version does not say. */
export type ProbedAnswer =
  { readonly ok: true; readonly view?: SessionView } | Extract<ProbeAnswer, { readonly ok: false }>;

export interface DecodeArgs {
  readonly ref: SessionRef;
  readonly uploadId: string;
}

export interface Span {
  readonly fromByte: number;
  readonly toByte: number;
}

/** A stretch of one channel's audio log. */
export interface FileSpan extends Span {
  readonly channel: number;
}

/** The object `plan.json`: for each channel the bytes at which its audio is cut, from 0 to its end. */
export interface FilePlan {
  readonly cuts: readonly (readonly number[])[];
}

export interface PrepareArgs {
  readonly ref: SessionRef;
  readonly uploadId: string;
  readonly channels: ChannelMode;
}

export type PrepareAnswer =
  | { readonly ok: true; readonly plan: FilePlan }
  | { readonly ok: false; readonly reason: string; readonly detail: string };

/** Spans that are finished: those below `next`, but for those that are `open`. */
export interface SpanSet {
  readonly next: number;
  /** In order. */
  readonly open: readonly number[];
}

/** What spans have come to. */
export interface SpanYield {
  readonly done: SpanSet;
  /** Length of their audio, in bytes. */
  readonly bytes: number;
  readonly segments: number;
  /** Their stretches without text. */
  readonly holes: readonly FileSpan[];
}

export interface SurveyArgs {
  readonly ref: SessionRef;
  readonly version: number;
  readonly spans: readonly FileSpan[];
}

export interface FinishFileArgs {
  readonly ref: SessionRef;
  readonly version: number;
  readonly done: SpanSet;
  /** Spans [firstSpan, firstSpan + spans) are to be joined in, as revision 1. */
  readonly repairs: { readonly firstSpan: number; readonly spans: number };
  /** What has no text. */
  readonly holes: readonly FileSpan[];
  readonly meta: TranscriptMeta;
  /** Its audio is stored: it is deleted. Null: it is kept, or there is none. */
  readonly uploadId: string | null;
}

export type DecodeAnswer =
  | { readonly ok: true; readonly totalBytes: number; readonly spans: readonly Span[] }
  | { readonly ok: false; readonly reason: string; readonly detail: string };

export interface MergeArgs {
  readonly ref: SessionRef;
  readonly spans: number;
  readonly repairs?: Repairs;
  readonly meta: TranscriptMeta;
}

/** What a worker says of itself with each heartbeat of `attendWorker`. */
export interface WorkerReport {
  readonly slots: number;
  /** Takes no new session, and hands over those it has. */
  readonly draining: boolean;
  /** Workflow ids of the sessions that hold a lease here. */
  readonly sessions: readonly string[];
}

export interface WorkerFacts {
  readonly workerId: string;
  readonly model: string;
  readonly pid: number;
  readonly host: string;
  readonly slots: number;
  /** When its process began; model and engine are loaded after that. */
  readonly startedAt: string;
  /** When it could take its first session; absent in what older workers said. */
  readonly readyAt?: string;
}

/**
 * Control activities, on {@link CONTROL_QUEUE}; those that take up audio on {@link PREPARE_QUEUE}, `fetchUpload` on
 * {@link FETCH_QUEUE}.
 */
export interface ControlActivities {
  checkpointTranscript(args: CheckpointArgs): Promise<void>;
  writeTranscript(args: WriteTranscriptArgs): Promise<TranscriptWritten>;
  /** Stores what is at an address as the upload. */
  fetchUpload(args: FetchArgs): Promise<FetchAnswer>;
  probeAudio(args: ProbeArgs): Promise<ProbeAnswer>;
  decodeAudio(args: DecodeArgs): Promise<DecodeAnswer>;
  /** The upload is in the audio log, or of no use: it is deleted. */
  discardUpload(args: ProbeArgs): Promise<void>;
  /** Joins the spans' transcripts in order; answers the number of segments. For files that began with an earlier version. */
  mergeSpans(args: MergeArgs): Promise<number>;
  /** Decodes an upload into one audio log for each channel that is to be transcribed, and cuts them. */
  prepareFile(args: PrepareArgs): Promise<PrepareAnswer>;
  /** As `prepareFile`, of an upload of at most {@link PLAIN_UPLOAD_BYTES} that needs no decoder; null: it is another. */
  preparePlain(args: Omit<PrepareArgs, 'channels'>): Promise<FilePlan | null>;
  /** Cuts audio that is stored already, and writes down what for. */
  planStored(args: { readonly ref: SessionRef; readonly facts: VersionFacts }): Promise<FilePlan>;
  /** What earlier runs have finished; what they left of other spans is deleted, and their transcript. */
  surveySpans(args: SurveyArgs): Promise<SpanYield>;
  /** `writeTranscript` and `finishFile` in one where there are no holes; otherwise the first alone, and not `isWhole`. */
  finishWhole(args: FinishWholeArgs): Promise<TranscriptWritten & { readonly isWhole: boolean }>;
  /** Joins the finished spans in the order of time; answers the number of segments. */
  finishFile(args: FinishFileArgs): Promise<number>;
}

/** On {@link poolQueue}: answered by the worker that has a free slot. */
export interface PoolActivities {
  allocateWorker(args: AllocateArgs): Promise<Lease>;
}

/** On {@link workerQueue}. */
export interface WorkerActivities {
  streamChunks(args: StreamArgs): Promise<StreamOutcome>;
  handOverLease(args: HandOverArgs): Promise<void>;
  /** Takes no new lease any more, and hands over those there are. */
  drainWorker(): Promise<void>;
  /** Runs as long as the worker lives, heartbeating a {@link WorkerReport}. Returns when the worker shuts down. */
  attendWorker(): Promise<void>;
}

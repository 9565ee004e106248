/** One run of a file's workflow, or of a version's: what is true, what others see of it, what the next run is to know. */
import { upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import { fileAttributes } from './attributes.ts';
import { LOG_BYTES_PER_MS } from './contract.ts';
import type {
  FileInput,
  FilePlan,
  FileSpan,
  Pace,
  ProbeAnswer,
  SessionState,
  SessionView,
  SpanYield,
  TranscriptMeta,
  VersionInput,
} from './contract.ts';
import type { FileEnding } from './file-ending.ts';
import { mayBePlain } from './file/plain.ts';
import { LaneHolder } from './lanes/holder.ts';
import type { HeldLanes } from './lanes/holder.ts';
import { NO_FIT, reachesAt, withPoint } from './pace.ts';
import type { SpanWithin } from './session/session.ts';
import type { StreamState } from './session/state.ts';
import type { Fit } from './pace.ts';
import { bytesOf, doneCount, endByteOf, NONE_DONE, spansOf } from './plan.ts';

/** Plain JSON: carried through continue-as-new. */
export interface FileState {
  /** Null until the audio is stored. */
  readonly plan: FilePlan | null;
  readonly yielded: SpanYield;
  readonly lanes: HeldLanes;
  /** ISO 8601: when the first run began. */
  readonly startedAt: string;
  /** When spans began to be transcribed, and what was finished by then. */
  readonly since: { readonly atMs: number; readonly bytes: number } | null;
  /** Spans finished since, by their times. */
  readonly fit: Fit;
  /** How its end was asked for from outside; null while it was not. */
  readonly asked: FileEnding | null;
  /** Of its one span, where that is transcribed in this workflow and has begun. */
  readonly stream?: StreamState;
}

export const NO_YIELD: SpanYield = { done: NONE_DONE, bytes: 0, segments: 0, holes: [] };

export class FileRun {
  readonly input: FileInput | VersionInput;
  readonly lanes: LaneHolder;
  state: FileState;
  phase: SessionState;
  /** The decoder's verdict, once there is one. */
  probe: ProbeAnswer | null = null;
  ending: FileEnding | null = null;
  spans: readonly FileSpan[] = [];
  /** Its one span, where that is transcribed in this workflow and has begun. */
  within: SpanWithin | null = null;
  /** As what lists show it from the beginning. */
  isListedQueued: boolean;
  /** Its transcript was written together with its one span's. */
  isWritten = false;

  constructor(input: FileInput | VersionInput, carried: FileState | undefined) {
    this.input = input;
    this.lanes = new LaneHolder(input, carried?.lanes);
    this.isListedQueued = carried === undefined && input.kind === 'file' && mayBePlain(input);
    const startedAt = workflowInfo().startTime.toISOString();
    this.state = carried ?? {
      plan: null,
      yielded: NO_YIELD,
      lanes: { granted: 0, turn: 0 },
      startedAt,
      since: null,
      fit: NO_FIT,
      asked: null,
    };
    this.phase = carried?.plan == null ? 'preparing' : 'streaming';
    if (carried?.plan != null) this.planned(carried.plan);
  }

  get asked(): FileEnding | null {
    return this.state.asked;
  }

  /** The first wish counts. */
  ask(ending: FileEnding): void {
    this.state = { ...this.state, asked: this.state.asked ?? ending };
  }

  /** Of which transcript of the session. */
  get version(): number {
    return this.input.kind === 'version' ? this.input.version : 1;
  }

  get totalBytes(): number {
    return this.state.plan === null ? 0 : bytesOf(this.state.plan);
  }

  /** Length of the audio: that of its longest channel, in bytes. */
  get endByte(): number {
    return this.state.plan === null ? 0 : endByteOf(this.state.plan);
  }

  /** One span, and what follows it takes a moment. */
  get isBrief(): boolean {
    return this.spans.length === 1 && this.input.bounds.inPlace === true;
  }

  /** It needs no workflow for its span. */
  get isWhole(): boolean {
    return this.isBrief && this.input.bounds.lean === true;
  }

  enter(phase: SessionState): void {
    if (phase === this.phase) return;
    this.phase = phase;
    // Lists need not see what passes in a moment.
    const isPassing = (phase === 'closing' && this.isBrief) || (phase === 'streaming' && this.isWhole);
    if (!isPassing) upsertSearchAttributes(fileAttributes(phase, this.within !== null));
  }

  /** Lists took it for one that needs no decoder. */
  prepares(): void {
    this.isListedQueued = false;
    upsertSearchAttributes(fileAttributes('preparing'));
  }

  end(ending: FileEnding): void {
    this.ending = ending;
    this.enter(ending.state);
  }

  /** The audio is stored, and cut. */
  planned(plan: FilePlan): void {
    this.state = { ...this.state, plan };
    this.spans = spansOf(plan);
    if (this.isBrief) this.lanes.exempt();
  }

  yields(yielded: SpanYield): void {
    const { since, fit } = this.state;
    const isMore = since !== null && yielded.bytes > this.state.yielded.bytes;
    this.state = { ...this.state, yielded, fit: isMore ? withPoint(fit, Date.now() - since.atMs, yielded.bytes) : fit };
  }

  beginStreaming(): void {
    const { since, yielded } = this.state;
    this.state = { ...this.state, since: since ?? { atMs: Date.now(), bytes: yielded.bytes } };
    this.enter('streaming');
  }

  /** What the next run is to know. */
  carry(): FileState {
    const stream = this.within?.state;
    return { ...this.state, lanes: this.lanes.carried, ...(stream === undefined ? {} : { stream }) };
  }

  metaOf({ state }: Pick<FileEnding, 'state'>): TranscriptMeta {
    const { ref, model, language } = this.input;
    const channels = this.state.plan?.cuts.length ?? 1;
    return {
      id: ref.id,
      tenant: ref.tenant,
      model,
      language,
      state,
      audioMs: this.endByte / LOG_BYTES_PER_MS,
      ...(channels === 1 ? {} : { channels }),
      ...(this.version === 1 ? {} : { version: this.version }),
    };
  }

  /** Which upload is of no more use once the file is finished; null: none. */
  get usedUpload(): string | null {
    return this.input.kind === 'file' && this.state.plan !== null ? this.input.uploadId : null;
  }

  #pace(since: { readonly atMs: number; readonly bytes: number }): Pace {
    const { yielded, fit } = this.state;
    const afterMs = reachesAt(fit, this.totalBytes);
    return {
      sinceMs: since.atMs,
      share: (yielded.bytes - since.bytes) / this.totalBytes,
      endMs: afterMs === null ? null : Math.round(since.atMs + afterMs),
    };
  }

  view(): SessionView {
    const { model, language, priority, labels = [] } = this.input;
    const { plan, yielded, since, startedAt } = this.state;
    const span = this.within?.state;
    const lease = span?.phase.name === 'streaming' ? span.phase.lease : null;
    const isQueued = this.phase === 'streaming' && span?.phase.name === 'queued';
    const channels = plan?.cuts.length ?? 1;
    // Of several channels the share that is done is told on the scale of the longest.
    // Of a span that did not come to its end nothing is left in the end.
    const going = this.ending === null ? span : undefined;
    const bytes = Math.max(yielded.bytes, going?.throughByte ?? 0);
    const share = this.totalBytes === 0 ? 0 : bytes / this.totalBytes;
    return {
      kind: 'file',
      state: isQueued ? 'queued' : this.phase,
      model,
      language,
      priority,
      labels,
      lease,
      epoch: span?.epoch ?? 0,
      attached: false,
      generation: 0,
      nextIndex: Math.max(yielded.segments, going?.nextIndex ?? 0),
      throughByte: Math.round(share * this.endByte),
      audioEndByte: plan === null ? null : this.endByte,
      reason: this.ending?.reason ?? null,
      detail: this.ending?.detail ?? null,
      spans: plan === null ? null : { done: doneCount(yielded.done), total: this.spans.length },
      ...(channels === 1 ? {} : { channels }),
      startedAt,
      ...(since === null || this.totalBytes === 0 ? {} : { pace: this.#pace(since) }),
    };
  }
}

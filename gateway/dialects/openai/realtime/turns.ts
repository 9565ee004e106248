/**
 * Turns of a Realtime session: from partials and finals, and from what the client commits, to the items that its client
 * hears of. Pure but for the names of items.
 */
import { randomUUID } from 'node:crypto';
import type { FinalMessage } from '../../../protocol.ts';

export type TurnEvent =
  | { readonly type: 'input_audio_buffer.speech_started'; readonly audio_start_ms: number; readonly item_id: string }
  | { readonly type: 'input_audio_buffer.speech_stopped'; readonly audio_end_ms: number; readonly item_id: string }
  | {
      readonly type: 'input_audio_buffer.committed';
      readonly item_id: string;
      readonly previous_item_id: string | null;
    }
  | {
      readonly type: 'conversation.item.input_audio_transcription.delta';
      readonly item_id: string;
      readonly content_index: 0;
      readonly delta: string;
    }
  | {
      readonly type: 'conversation.item.input_audio_transcription.completed';
      readonly item_id: string;
      readonly content_index: 0;
      readonly transcript: string;
      readonly usage: { readonly type: 'duration'; readonly seconds: number };
    };

interface Item {
  readonly id: string;
  /** Texts of finals, in order. */
  readonly texts: string[];
  /** What its deltas say so far, joined. */
  said: string;
  /** Words of the newest hypothesis. */
  hypothesis: readonly string[];
}

/** What the client has committed, and is not all final. */
interface Commit {
  readonly item: Item;
  readonly fromMs: number;
  readonly throughMs: number;
  /** It was found settled when last looked: once more, and it is complete. */
  isSettled: boolean;
}

type Final = Pick<FinalMessage, 'text' | 'startMs' | 'endMs' | 'audioStartMs' | 'audioEndMs'>;

/** In silence a recogniser holds so much back, since speech may have begun in it that it cannot tell yet. */
const HELD_BACK_MS = 600;
/** A recogniser takes audio in by frames: the rest of one may be outstanding. */
const FRAME_MS = 40;

const wordsOf = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');
const seconds = (ms: number): number => Math.round(Math.max(0, ms)) / 1000;

export class Turns {
  readonly #emit: (event: TurnEvent) => void;
  #detects = true;
  /** The turn that is being spoken. */
  #current: Item | null = null;
  #previousId: string | null = null;
  #commits: Commit[] = [];
  /** Finals that no commit covers yet. */
  #uncommitted: Final[] = [];
  /** All before is committed, or cleared. */
  #doneMs = 0;
  #clearedMs = 0;

  constructor(emit: (event: TurnEvent) => void) {
    this.#emit = emit;
  }

  /** Whether turns end at pauses, or where the client commits. */
  set detects(detects: boolean) {
    if (this.#detects && !detects) this.#current = null;
    this.#detects = detects;
  }

  /** Audio up to here is in items, or was cleared. */
  get doneMs(): number {
    return this.#doneMs;
  }

  partial(text: string, startMs: number): void {
    if (!this.#detects || startMs < this.#clearedMs || this.#commits.some(({ throughMs }) => startMs < throughMs))
      return;
    const item = this.#spoken(startMs);
    const words = wordsOf(text);
    const agreed = words.slice(0, commonLength(words, item.hypothesis)).join(' ');
    item.hypothesis = words;
    this.#say(item, agreed);
  }

  final(final: Final): void {
    if (final.startMs < this.#clearedMs) return;
    const commit = this.#commits.find(({ throughMs }) => final.startMs < throughMs);
    if (commit !== undefined) this.#add(commit, final);
    else if (this.#detects) this.#turn(final);
    else this.#uncommitted.push(final);
  }

  /** What was said up to here is one item. The recogniser is to make finals of it. */
  commit(throughMs: number): void {
    const item = this.#current ?? newItem();
    if (this.#current !== null) this.#stopped(item, throughMs);
    this.#current = null;
    this.#committed(item);
    const commit = { item, fromMs: this.#doneMs, throughMs, isSettled: false };
    this.#commits.push(commit);
    this.#doneMs = throughMs;
    for (const final of this.#uncommitted.splice(0)) this.#add(commit, final);
  }

  /** What was said up to here and not committed is not heard of again. */
  clear(throughMs: number): void {
    this.#clearedMs = this.#doneMs = throughMs;
    this.#uncommitted = [];
    this.#current = null;
  }

  /** Looks which commits are complete: nothing that was said in them is outstanding. */
  heard(throughMs: number, settledMs: number): void {
    for (const commit of [...this.#commits]) {
      const isSettled = throughMs >= commit.throughMs - FRAME_MS && settledMs >= commit.throughMs - HELD_BACK_MS;
      // Twice: the word to make finals may come to the recogniser a moment after the audio.
      if (isSettled && commit.isSettled) this.#complete(commit);
      else commit.isSettled = isSettled;
    }
  }

  /** No more comes: whatever is open is complete. */
  end(): void {
    for (const commit of [...this.#commits]) this.#complete(commit);
  }

  #spoken(startMs: number): Item {
    if (this.#current !== null) return this.#current;
    const item = newItem();
    this.#current = item;
    this.#emit({ type: 'input_audio_buffer.speech_started', audio_start_ms: Math.round(startMs), item_id: item.id });
    return item;
  }

  #turn(final: Final): void {
    const item = this.#spoken(final.startMs);
    this.#current = null;
    this.#stopped(item, final.endMs);
    this.#committed(item);
    this.#doneMs = Math.max(this.#doneMs, final.audioEndMs);
    item.texts.push(final.text);
    this.#completed(item, final.audioEndMs - final.audioStartMs);
  }

  #add(commit: Commit, final: Final): void {
    commit.item.texts.push(final.text);
    if (final.audioEndMs >= commit.throughMs - FRAME_MS) this.#complete(commit);
    else this.#say(commit.item, textOf(commit.item));
  }

  #complete(commit: Commit): void {
    this.#commits = this.#commits.filter((other) => other !== commit);
    this.#completed(commit.item, commit.throughMs - commit.fromMs);
  }

  #completed(item: Item, durationMs: number): void {
    const transcript = textOf(item);
    this.#say(item, transcript);
    this.#emit({
      type: 'conversation.item.input_audio_transcription.completed',
      item_id: item.id,
      content_index: 0,
      transcript,
      usage: { type: 'duration', seconds: seconds(durationMs) },
    });
  }

  /** The rest of a text that begins with what is said already; deltas are never taken back. */
  #say(item: Item, text: string): void {
    if (text.length <= item.said.length || !text.startsWith(item.said)) return;
    const delta = text.slice(item.said.length);
    item.said = text;
    this.#emit({
      type: 'conversation.item.input_audio_transcription.delta',
      item_id: item.id,
      content_index: 0,
      delta,
    });
  }

  #stopped(item: Item, endMs: number): void {
    this.#emit({ type: 'input_audio_buffer.speech_stopped', audio_end_ms: Math.round(endMs), item_id: item.id });
  }

  #committed(item: Item): void {
    this.#emit({ type: 'input_audio_buffer.committed', item_id: item.id, previous_item_id: this.#previousId });
    this.#previousId = item.id;
  }
}

const textOf = ({ texts }: Item): string => texts.filter((text) => text !== '').join(' ');

const newItem = (): Item => ({
  id: `item_${randomUUID().replaceAll('-', '')}`,
  texts: [],
  said: '',
  hypothesis: [],
});

/** How many words two hypotheses have in common from the start. */
function commonLength(a: readonly string[], b: readonly string[]): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return length;
}

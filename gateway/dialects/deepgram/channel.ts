/** What one session says, as Deepgram's messages about one channel. */
import type { PartialMessage } from '../../../workflows/audio-plane.ts';
import type { SessionTalk } from '../dialect.ts';
import type { FinalMessage, ServerMessage } from '../../protocol.ts';
import type { ListenRequest } from './live-request.ts';
import { resultsMessage } from './messages.ts';
import type { Result } from './messages.ts';
import { alternativeOf, seconds, transcriptOf } from './words.ts';

/** What a channel needs of the connection. */
export interface ChannelEvents {
  send(message: object): void;
  done(audioMs: number): void;
}

/** A final that ends so shortly before the place where one was asked for is the one. */
const FINALIZE_SLACK_MS = 100;
/** A recogniser that has heard all, and makes no final for so long, has none to make. */
const FINALIZE_GRACE_MS = 1000;

export class Channel implements SessionTalk {
  readonly #place: readonly [index: number, count: number];
  readonly #request: ListenRequest;
  readonly #bytesPerMs: number;
  readonly #events: ChannelEvents;
  #model: string;
  #startMs: number | null = null;
  #sentBytes = 0;
  #heardMs = 0;
  #finalEndMs = 0;
  /** The end of the last word of an utterance that was not said to be over. */
  #lastWordMs: number | null = null;
  #isSpeaking = false;
  /** Where in the audio of this connection a final was asked for. */
  #finalizeAt: number | null = null;
  #finalizeTimer: NodeJS.Timeout | null = null;
  #hasWarned = false;

  /** @param bytesPerMs of what the session is sent */
  constructor(
    place: readonly [index: number, count: number],
    request: ListenRequest,
    bytesPerMs: number,
    events: ChannelEvents,
  ) {
    this.#place = place;
    this.#request = request;
    this.#bytesPerMs = bytesPerMs;
    this.#events = events;
    this.#model = request.choice.model;
  }

  /** Audio was sent to the session. */
  sent(bytes: number): void {
    this.#sentBytes += bytes;
  }

  /** A final of what was sent so far is asked for: one is answered, if an empty one. */
  finalize(): void {
    this.#finalizeAt = this.#sentBytes / this.#bytesPerMs;
    this.#checkFinalize();
  }

  close(): void {
    this.#stopFinalize();
  }

  say(message: ServerMessage): void {
    switch (message.type) {
      case 'session':
        this.#model = message.model;
        this.#startMs = message.durableBytes / this.#bytesPerMs;
        break;
      case 'final':
        this.#final(message);
        break;
      case 'done':
        this.#stopFinalize();
        this.#events.done(message.audioMs);
        break;
      // Deepgram has no words for these.
      case 'queued':
      case 'started':
      case 'ack':
      case 'partial':
      case 'error':
        break;
      default:
        message satisfies never;
    }
  }

  sayPartial(json: Buffer): void {
    const { text, startMs, endMs } = JSON.parse(json.toString('utf8')) as PartialMessage;
    this.#speechStarted(startMs);
    this.#lastWordMs = null;
    if (!this.#request.telling.interim) return;
    const transcript = transcriptOf(text, this.#request.telling.punctuate);
    this.#results({ startMs, endMs, alternative: { transcript, confidence: null, words: [] }, isFinal: false });
  }

  heard(throughMs: number): void {
    this.#heardMs = throughMs;
    this.#checkUtteranceEnd(throughMs);
    this.#checkFinalize();
  }

  #final(message: FinalMessage): void {
    const { startMs, endMs, words, audioEndMs } = message;
    this.#checkUtteranceEnd(startMs);
    this.#speechStarted(startMs);
    this.#isSpeaking = false;
    this.#lastWordMs = words.at(-1)?.endMs ?? endMs;
    this.#finalEndMs = Math.max(this.#finalEndMs, audioEndMs);
    const asked = this.#isFinalized();
    if (asked) this.#stopFinalize();
    const alternative = alternativeOf([message], this.#request.telling.punctuate);
    this.#results({ startMs, endMs, alternative, isFinal: true, ...(asked ? { fromFinalize: true } : {}) });
  }

  #results(result: Result): void {
    const { id, echo, warnings } = this.#request;
    const about = { requestId: id, model: this.#model, place: this.#place, echo };
    this.#events.send(resultsMessage({ ...about, warnings: this.#hasWarned ? [] : warnings }, result));
    this.#hasWarned = true;
  }

  #speechStarted(startMs: number): void {
    if (this.#isSpeaking) return;
    this.#isSpeaking = true;
    if (!this.#request.telling.speechStarted) return;
    this.#events.send({ type: 'SpeechStarted', channel: this.#place, timestamp: seconds(startMs) });
  }

  /** An utterance is over once the audio went on for long enough without a word. */
  #checkUtteranceEnd(atMs: number): void {
    const { utteranceEndMs } = this.#request.telling;
    if (utteranceEndMs === null || this.#lastWordMs === null || atMs - this.#lastWordMs < utteranceEndMs) return;
    this.#events.send({ type: 'UtteranceEnd', channel: this.#place, last_word_end: seconds(this.#lastWordMs) });
    this.#lastWordMs = null;
  }

  // ---- Finalize

  get #finalizeMs(): number | null {
    return this.#finalizeAt === null || this.#startMs === null ? null : this.#startMs + this.#finalizeAt;
  }

  #isFinalized(): boolean {
    return this.#finalizeMs !== null && this.#finalEndMs >= this.#finalizeMs - FINALIZE_SLACK_MS;
  }

  /** Where there is nothing that a final could be made of, an empty one says so. */
  #checkFinalize(): void {
    const asked = this.#finalizeMs;
    if (asked === null || this.#finalizeTimer !== null) return;
    if (!this.#isFinalized() && this.#heardMs < asked - FINALIZE_SLACK_MS) return;
    const graceMs = this.#isFinalized() ? 0 : FINALIZE_GRACE_MS;
    this.#finalizeTimer = setTimeout(() => {
      this.#stopFinalize();
      const alternative = { transcript: '', confidence: null, words: [] };
      this.#results({ startMs: asked, endMs: asked, alternative, isFinal: true, fromFinalize: true });
    }, graceMs);
  }

  #stopFinalize(): void {
    if (this.#finalizeTimer !== null) clearTimeout(this.#finalizeTimer);
    this.#finalizeTimer = null;
    this.#finalizeAt = null;
  }
}

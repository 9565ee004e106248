/** One Realtime transcription session on one WebSocket. Most of what is wrong is told by `error`, and the session goes on. */
import { randomUUID } from 'node:crypto';
import type { PartialMessage } from '../../../../workflows/audio-plane.ts';
import { Failure } from '../../../failures.ts';
import type { Catalogue, LiveRequest, ServerMessage } from '../../../protocol.ts';
import type { Closing, Conversation, Line } from '../../dialect.ts';
import { choiceOf } from '../parameters.ts';
import { openAiError, OpenAiRefusal } from '../refusal.ts';
import { audioOf, readClientEvent } from './client-events.ts';
import type { ClientEvent } from './client-events.ts';
import { audioFormat, described, FIRST, update } from './settings.ts';
import type { Settings, Update } from './settings.ts';
import { Turns } from './turns.ts';

export interface Visit {
  /** The session's id: the client's own, or one of ours. */
  readonly session: string;
  /** The client named the session: it may come back to it. */
  readonly isNamed: boolean;
  /** Model of the address. */
  readonly model: string | null;
  readonly isBeta: boolean;
}

/** OpenAI takes no smaller commit. */
const MIN_COMMIT_MS = 100;

export class RealtimeConversation implements Conversation {
  readonly #line: Line;
  readonly #visit: Visit;
  readonly #catalogue: Catalogue;
  readonly #turns = new Turns((event) => this.#send(event));
  #present: Update;
  #opened: Settings | null = null;
  /** The session was named, and its client waits to hear where it stands. */
  #toldAt: 'session.updated' | 'transcription_session.updated' | null = null;
  /** How much audio the session has, in milliseconds. */
  #audioMs = 0;
  #bytesPerMs = 1;
  #ended = false;

  constructor(line: Line, visit: Visit, catalogue: Catalogue) {
    this.#line = line;
    this.#visit = visit;
    this.#catalogue = catalogue;
    this.#present = { settings: { ...FIRST, model: visit.model }, isBeta: visit.isBeta, ignored: [] };
  }

  begin(): void {
    this.#tell(this.#visit.isBeta ? 'transcription_session.created' : 'session.created');
  }

  hear(data: Buffer, isBinary: boolean): void {
    const { event, eventId } = readClientEvent(data, isBinary);
    try {
      if (event instanceof OpenAiRefusal) throw event;
      this.#obey(event);
    } catch (error) {
      if (!(error instanceof OpenAiRefusal)) throw error;
      this.#sendError(error, eventId);
    }
  }

  #obey(event: ClientEvent): void {
    switch (event.type) {
      case 'session.update':
        this.#update(event.session, 'session.updated');
        break;
      case 'transcription_session.update':
        this.#update(event.session, 'transcription_session.updated');
        break;
      case 'input_audio_buffer.append':
        this.#append(audioOf(event.audio));
        break;
      case 'input_audio_buffer.commit':
        this.#commit();
        break;
      case 'input_audio_buffer.clear':
        this.#turns.clear(this.#audioMs);
        this.#finalize();
        this.#send({ type: 'input_audio_buffer.cleared' });
        break;
      case 'session.close':
        this.#end();
        break;
      default:
        event satisfies never;
    }
  }

  #update(session: Record<string, unknown>, answer: 'session.updated' | 'transcription_session.updated'): void {
    const next = update(this.#present.settings, session);
    this.#check(next.settings);
    this.#present = next;
    this.#turns.detects = next.settings.detectsTurns;
    if (this.#visit.isNamed && this.#opened === null) {
      // Where the session stands is known once it is open.
      this.#toldAt = answer;
      this.#open();
    } else this.#tell(answer);
  }

  /** Refuses a model or language that is not served, and a change of what the audio that was sent is in. */
  #check(next: Settings): void {
    choiceOf(next.model ?? undefined, next.language ?? undefined, this.#catalogue);
    const opened = this.#opened;
    const changed = (['format', 'model', 'language'] as const).find(
      (name) => opened !== null && next[name] !== opened[name],
    );
    if (changed === undefined) return;
    throw new OpenAiRefusal(
      `${changed} cannot be changed once audio was sent: open another session`,
      `session.${changed}`,
    );
  }

  #open(): void {
    const { settings } = this.#present;
    const audio = audioFormat(settings);
    const choice = choiceOf(settings.model ?? undefined, settings.language ?? undefined, this.#catalogue);
    const request: LiveRequest = { ...choice, session: this.#visit.session, index: 0, attempt: null, audio };
    this.#opened = settings;
    this.#bytesPerMs = (audio.sampleRate * (audio.encoding === 's16le' ? 2 : 1)) / 1000;
    this.#line.open(request);
  }

  #append(audio: Buffer): void {
    if (this.#ended)
      throw new OpenAiRefusal('The session is closing: it takes no more audio', 'audio', 'session_closing');
    if (audio.length === 0) return;
    if (this.#opened === null) this.#openForAudio();
    this.#audioMs += audio.length / this.#bytesPerMs;
    this.#line.audio(audio);
  }

  /** The address' model may be none: by then no update has named another. */
  #openForAudio(): void {
    try {
      this.#open();
    } catch (error) {
      throw error instanceof OpenAiRefusal ? new Failure('unknown_model', error.message) : error;
    }
  }

  #commit(): void {
    const bufferMs = Math.max(0, this.#audioMs - this.#turns.doneMs);
    if (bufferMs < MIN_COMMIT_MS) {
      throw new OpenAiRefusal(
        `Error committing input audio buffer: buffer too small. Expected at least ${MIN_COMMIT_MS}ms of audio, but buffer only has ${bufferMs.toFixed(2)}ms of audio.`,
        null,
        'input_audio_buffer_commit_empty',
      );
    }
    this.#turns.commit(this.#audioMs);
    this.#finalize();
  }

  #finalize(): void {
    if (this.#opened !== null && !this.#ended) this.#line.message({ type: 'finalize' });
  }

  /** The client sends no more: the session ends with what it sent. */
  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#opened !== null) this.#line.message({ type: 'end' });
    else this.#close();
  }

  #close(): void {
    this.#send({ type: 'session.closed' });
    this.#line.close(1000, 'closed');
  }

  say(message: ServerMessage): void {
    switch (message.type) {
      case 'session':
        this.#standsAt(message.durableBytes, message.nextIndex);
        break;
      case 'final':
        this.#turns.final(message);
        break;
      case 'done':
        this.#turns.end();
        if (this.#ended) this.#send({ type: 'session.closed' });
        break;
      case 'error':
      case 'queued':
      case 'started':
      case 'partial':
      case 'ack':
        break;
      default:
        message satisfies never;
    }
  }

  /** A session that was taken up again has audio already: the client is told how much, and sends what follows. */
  #standsAt(durableBytes: number, items: number): void {
    const before = durableBytes / this.#bytesPerMs;
    this.#audioMs += before;
    if (this.#toldAt !== null) this.#tell(this.#toldAt, { durable_bytes: durableBytes, items });
    this.#toldAt = null;
  }

  sayPartial(json: Buffer): void {
    const { text, startMs } = JSON.parse(json.toString('utf8')) as PartialMessage;
    this.#turns.partial(text, startMs);
  }

  heard(throughMs: number, settledMs: number | null): void {
    if (settledMs !== null) this.#turns.heard(throughMs, settledMs);
  }

  fail(failure: Failure): Closing {
    this.#sendError(failure, null);
    return { code: failure.row.closeCode, reason: failure.type };
  }

  /** Nobody can come back to a session without a name of its own: it ends with what was sent. */
  gone(): void {
    if (!this.#visit.isNamed) this.#end();
  }

  #tell(type: string, more?: object): void {
    this.#send({ type, session: described(this.#visit.session, this.#present, more) });
  }

  #sendError(cause: OpenAiRefusal | Failure, eventId: string | null): void {
    this.#send({ type: 'error', error: { ...openAiError(cause).error, event_id: eventId } });
  }

  #send(event: { readonly type: string; readonly [name: string]: unknown }): void {
    this.#line.send(JSON.stringify({ ...event, event_id: `event_${randomUUID().replaceAll('-', '')}` }));
  }
}

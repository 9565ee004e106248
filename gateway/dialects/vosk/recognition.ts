/**
 * One client of Vosk's WebSocket protocol (https://alphacephei.com/vosk/server). Clients send a piece of audio, then wait for
 * exactly one message. Finals here come when they are committed, which is later: each piece is answered at once with the oldest
 * final that was not told yet, else with the newest partial. Clients read one message after `eof`: all finals that are left
 * are in it, joined.
 */
import { randomUUID } from 'node:crypto';
import type { PartialMessage } from '../../../workflows/audio-plane.ts';
import { Failure } from '../../failures.ts';
import type { Catalogue, FinalMessage, ServerMessage } from '../../protocol.ts';
import type { Closing, Conversation, Dialect, Line } from '../dialect.ts';
import { Flush } from './flush.ts';
import { parseVoskMessage, readConfig, resultOf } from './messages.ts';
import type { VoskConfig } from './messages.ts';

/** At the root of its own port: Vosk's clients know no path. */
export const voskDialect = (catalogue: Catalogue): Dialect => ({
  path: '/',
  meet: () => ({ converse: (line) => new Recognition(line, catalogue) }),
});

const BYTES_PER_SAMPLE = 2;

class Recognition implements Conversation {
  readonly #line: Line;
  readonly #catalogue: Catalogue;
  #config: VoskConfig;
  #isOpen = false;
  /** Committed, and not told yet. */
  #finals: FinalMessage[] = [];
  #partial = '';
  /** What has no effect, until the client is told. */
  #ignored: readonly string[] = [];
  #startMs = 0;
  #sentBytes = 0;
  #flush: Flush | null = null;
  #ended = false;

  constructor(line: Line, catalogue: Catalogue) {
    this.#line = line;
    this.#catalogue = catalogue;
    this.#config = readConfig({}, catalogue);
  }

  begin(): void {
    // What the client sends first says how the session is opened.
  }

  hear(data: Buffer, isBinary: boolean): void {
    if (this.#ended) return;
    if (isBinary) this.#audio(data);
    else this.#command(data);
  }

  #audio(data: Buffer): void {
    this.#open();
    this.#sentBytes += data.length;
    this.#line.audio(data);
    this.#answer();
  }

  #command(data: Buffer): void {
    const message = parseVoskMessage(data);
    switch (message.type) {
      case 'config':
        this.#configure(message.config);
        break;
      case 'eof':
        this.#open();
        this.#ended = true;
        this.#line.message({ type: 'end' });
        break;
      case 'reset':
        this.#reset();
        break;
      default:
        message satisfies never;
    }
  }

  #configure(given: unknown): void {
    if (this.#isOpen) throw new Failure('invalid_message', 'config comes before the first audio');
    this.#config = readConfig(given, this.#catalogue);
    this.#ignored = this.#config.ignored;
  }

  #open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    const { sampleRate, session, segment, model, language, priority } = this.#config;
    const audio = { encoding: 's16le', sampleRate, channels: 1 } as const;
    const named = { session: session ?? randomUUID(), index: segment, attempt: null };
    this.#line.open({ model, language, priority, ...named, audio });
  }

  /** One message for one piece of audio. */
  #answer(): void {
    const final = this.#finals.shift();
    if (final !== undefined) this.#send(resultOf([final], this.#config));
    else this.#send({ partial: this.#partial });
  }

  /** All that was sent so far becomes a result, the one answer to `reset`; the session goes on. */
  #reset(): void {
    if (!this.#isOpen) {
      this.#send(resultOf([], this.#config));
      return;
    }
    this.#line.hold(true);
    const throughMs = this.#startMs + (this.#sentBytes / BYTES_PER_SAMPLE / this.#config.sampleRate) * 1000;
    this.#flush = new Flush(throughMs, () => {
      this.#flush = null;
      this.#tellAll();
      this.#line.hold(false);
    });
    this.#line.message({ type: 'finalize' });
  }

  #tellAll(): void {
    this.#send(resultOf(this.#finals.splice(0), this.#config));
  }

  say(message: ServerMessage): void {
    switch (message.type) {
      case 'session':
        this.#startMs = (message.durableBytes / BYTES_PER_SAMPLE / this.#config.sampleRate) * 1000;
        break;
      case 'final':
        this.#partial = '';
        this.#finals.push(message);
        this.#flush?.final(message.audioEndMs);
        break;
      case 'done':
        if (message.state === 'cancelled') this.#line.fail(new Failure('superseded', 'the session was cancelled'));
        else this.#tellAll();
        break;
      // Vosk has no words for these.
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
    this.#partial = (JSON.parse(json.toString('utf8')) as PartialMessage).text;
  }

  heard(throughMs: number): void {
    this.#flush?.heard(throughMs);
  }

  fail(failure: Failure): Closing {
    this.#send({ error: { code: failure.type, message: failure.message } });
    return { code: failure.row.closeCode, reason: failure.type };
  }

  gone(): void {
    this.#flush?.close();
  }

  #send(message: object): void {
    const ignored = this.#ignored;
    this.#ignored = [];
    this.#line.send(JSON.stringify(ignored.length === 0 ? message : { ...message, ignored }));
  }
}

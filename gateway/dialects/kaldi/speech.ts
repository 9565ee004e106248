/** kaldi-gstreamer-server's /client/ws/speech: https://github.com/alumae/kaldi-gstreamer-server, README. */
import { randomUUID } from 'node:crypto';
import type { PartialMessage } from '../../../workflows/audio-plane.ts';
import type { Failure } from '../../failures.ts';
import type { Gateway } from '../../ports.ts';
import type { FinalMessage, ServerMessage } from '../../protocol.ts';
import type { Closing, Conversation, Dialect, Line } from '../dialect.ts';
import { closeCodeOf, failed, finalResult, partialResult, STATUS, statusOf } from './answers.ts';
import { openAudio } from './audio-in.ts';
import type { AudioIn } from './audio-in.ts';
import { readSpeechRequest } from './request.ts';
import type { SpeechRequest } from './request.ts';
import { SpeechGuard } from './speech-guard.ts';

export const SPEECH_PATH = '/client/ws/speech';

/** The old server opened the socket whatever was asked, and said on it what was wrong. */
export const speechDialect = (gateway: Gateway): Dialect => ({
  path: SPEECH_PATH,
  meet: ({ query }) => ({ converse: (line) => new Speech(line, query, gateway) }),
});

/** In the old server's words. */
const NO_DECODER = 'No decoder available, try again later';

const END = Buffer.from('EOS');

class Speech implements Conversation {
  readonly #line: Line;
  readonly #query: URLSearchParams;
  readonly #gateway: Gateway;
  readonly #guard: SpeechGuard;
  #id: string = randomUUID();
  #request: SpeechRequest | null = null;
  #audio: AudioIn | null = null;
  /** What has no effect, until the client is told. */
  #ignored: string[] = [];
  readonly #toldIgnored = new Set<string>();
  #segment = 0;
  #saidFinal = false;
  #ended = false;

  constructor(line: Line, query: URLSearchParams, gateway: Gateway) {
    this.#line = line;
    this.#query = query;
    this.#gateway = gateway;
    this.#guard = new SpeechGuard(gateway.settings.kaldi.silenceMs, () => this.#noSpeech());
  }

  begin(): void {
    const { catalogue, kaldi } = this.#gateway.settings;
    const request = readSpeechRequest(this.#query, catalogue);
    this.#request = request;
    this.#id = request.live.session;
    this.#ignore(request.ignored);
    this.#audio = openAudio(request.source, this.#gateway.decoders, {
      audio: (bytes) => this.#line.audio(bytes),
      hold: (isFull) => this.#line.hold(isFull),
      ended: () => this.#line.message({ type: 'end' }),
      failed: (failure) => this.#line.fail(failure),
    });
    this.#line.open({ ...request.live, mayWait: !kaldi.status9 });
  }

  hear(data: Buffer, isBinary: boolean): void {
    if (this.#ended) return;
    if (data.equals(END)) {
      this.#ended = true;
      this.#guard.stop();
      this.#audio?.end();
    } else if (isBinary) {
      this.#guard.sent();
      this.#audio?.accept(data);
    } else this.#ignore([nameOfMessage(data)]);
  }

  press(isFull: boolean): void {
    this.#audio?.hold(isFull);
  }

  say(message: ServerMessage): void {
    switch (message.type) {
      case 'session':
        this.#segment = message.nextIndex;
        this.#tellNamed({ stored_bytes: this.#clientBytes(message.durableBytes), segments: message.nextIndex });
        break;
      case 'ack':
        this.#tellNamed({ stored_bytes: this.#clientBytes(message.durableBytes) });
        break;
      case 'started':
        if (!this.#ended) this.#guard.start();
        break;
      case 'queued':
        this.#guard.stop();
        break;
      case 'final':
        this.#final(message);
        break;
      case 'done':
        this.#done(message);
        break;
      case 'partial':
      case 'error':
        break;
      default:
        message satisfies never;
    }
  }

  sayPartial(json: Buffer): void {
    const { text, endMs } = JSON.parse(json.toString('utf8')) as PartialMessage;
    this.#guard.spoken(endMs);
    this.#send(partialResult(this.#id, this.#segment, text));
  }

  heard(throughMs: number): void {
    this.#guard.heard(throughMs);
  }

  fail(failure: Failure): Closing {
    const isBusy = this.#gateway.settings.kaldi.status9 && failure.type === 'queue_full';
    this.#send(failed(this.#id, statusOf(failure), isBusy ? NO_DECODER : failure.message));
    return { code: closeCodeOf(failure), reason: failure.type };
  }

  gone(): void {
    this.#guard.stop();
    this.#audio?.close();
  }

  #final(message: FinalMessage): void {
    this.#segment = message.index + 1;
    this.#saidFinal = true;
    this.#guard.spoken(message.endMs);
    this.#send(finalResult(this.#id, message));
  }

  #done({ state, segments }: Extract<ServerMessage, { type: 'done' }>): void {
    if (state === 'cancelled') this.#send(failed(this.#id, STATUS.aborted, 'the session was cancelled'));
    // Who spoke no word is told so: clients wait for a final.
    else if (!this.#saidFinal && segments === 0) this.#send(finalResult(this.#id, { index: 0, text: '', words: [] }));
  }

  /** As the old worker's guard: the session ends with what was said so far. */
  #noSpeech(): void {
    this.#ended = true;
    this.#send(failed(this.#id, STATUS.noSpeech, `no speech for ${this.#gateway.settings.kaldi.silenceMs} ms`));
    this.#line.message({ type: 'end' });
    this.#line.close(1000, 'no speech');
  }

  /** Where a stream is decoded its own bytes are not counted. */
  #clientBytes(durableBytes: number): number | null {
    return this.#request?.source.kind === 'samples' ? durableBytes : null;
  }

  /** Clients that name their session are told what is stored; others know no such message. */
  #tellNamed(facts: object): void {
    if (this.#request?.isNamed === true) this.#send({ status: STATUS.success, ...facts, id: this.#id });
  }

  #ignore(names: readonly string[]): void {
    this.#ignored.push(...names.filter((name) => !this.#toldIgnored.has(name)));
    for (const name of names) this.#toldIgnored.add(name);
  }

  #send(message: object): void {
    const ignored = this.#ignored.splice(0);
    this.#line.send(JSON.stringify(ignored.length === 0 ? message : { ...message, ignored }));
  }
}

/** What a text message is called when it is said to have no effect. */
function nameOfMessage(data: Buffer): string {
  return data.includes('"adaptation_state"') ? 'adaptation_state' : 'text message';
}

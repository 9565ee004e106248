/** Deepgram's live /v1/listen: https://developers.deepgram.com/reference/speech-to-text/listen-streaming. */
import { createHash, randomUUID } from 'node:crypto';
import type { LiveDecodersPort } from '../../audio/container.ts';
import type { Failure } from '../../failures.ts';
import type { Gateway } from '../../ports.ts';
import type { LiveRequest, ServerMessage } from '../../protocol.ts';
import type { Closing, Conversation, Dialect, Handshake, Line, Meeting, SessionLine } from '../dialect.ts';
import type { AudioPath } from './audio-path.ts';
import { Channel } from './channel.ts';
import { parseListenMessage } from './client-messages.ts';
import { callbackTarget } from './callback.ts';
import { ContainerPath } from './container-path.ts';
import { credentialOf } from './credentials.ts';
import { errorBody, errorMessage, headerText } from './errors.ts';
import { formatOf, readListenRequest } from './live-request.ts';
import type { ListenRequest } from './live-request.ts';
import { metadataMessage } from './messages.ts';
import { rawPath } from './raw-audio.ts';

export const LISTEN_PATH = '/v1/listen';

/** A client that sends neither audio nor a message for so long is closed: https://dpgr.am/net0001. */
const IDLE_MS = 10_000;
const IDLE_REASON =
  'Deepgram did not receive audio data or a text message within the timeout window. See https://dpgr.am/net0001';

/** What is needed of the gateway. */
type Needs = Pick<Gateway, 'decoders'> & { readonly settings: Pick<Gateway['settings'], 'catalogue' | 'webhooks'> };

export const deepgramDialect = (gateway: Needs): Dialect => ({
  path: LISTEN_PATH,
  meet: (handshake) => meet(handshake, gateway),
  refusal: (failure) => {
    const body = errorBody(failure, randomUUID());
    const headers = { 'dg-error': headerText(failure.message), 'dg-request-id': body.request_id };
    return { contentType: 'application/json', body: JSON.stringify(body), headers };
  },
});

function meet({ query, headers, protocols }: Handshake, { settings, decoders }: Needs): Meeting {
  const protocol = credentialOf(headers, protocols)?.protocol ?? null;
  const request = readListenRequest(query, settings.catalogue);
  return {
    ...(protocol === null ? {} : { protocol }),
    headers: { 'dg-request-id': request.id },
    converse: (line) => new LiveListen(line, request, decoders, settings),
  };
}

const BYTES_PER_SAMPLE = { s16le: 2, mulaw: 1, alaw: 1 } as const;

class LiveListen implements Conversation {
  readonly #line: Line;
  readonly #request: ListenRequest;
  readonly #settings: Needs['settings'];
  readonly #channels: readonly Channel[];
  readonly #path: AudioPath;
  readonly #sha256 = createHash('sha256');
  readonly #created = new Date().toISOString();
  #sessions: readonly SessionLine[] = [];
  #isClosing = false;
  #heardAtMs = performance.now();
  #idleTimer: NodeJS.Timeout | null = null;
  #doneChannels = 0;
  #audioMs = 0;

  constructor(line: Line, request: ListenRequest, decoders: LiveDecodersPort, settings: Needs['settings']) {
    this.#line = line;
    this.#settings = settings;
    this.#request = request;
    const { audio } = request;
    const count = audio.multichannel ? audio.channels : 1;
    const { encoding, sampleRate, channels } = formatOf(audio);
    const bytesPerMs = (BYTES_PER_SAMPLE[encoding] * sampleRate * channels) / 1000;
    this.#channels = Array.from({ length: count }, (_, index) => {
      const events = {
        send: (message: object) => this.#send(message),
        done: (audioMs: number) => this.#done(audioMs),
      };
      return new Channel([index, count], request, bytesPerMs, events);
    });
    this.#path = this.#openPath(decoders);
  }

  begin(): void {
    const { id, choice, index, audio, callback } = this.#request;
    // As Deepgram's: what comes of the audio is told elsewhere; here it is told besides.
    if (callback !== null) this.#send({ request_id: id });
    const asked = { ...choice, index, attempt: null, audio: formatOf(audio) };
    if (this.#channels.length === 1) {
      this.#line.open({ ...asked, session: id, ...this.#callback(0) });
      this.#sessions = [this.#line];
    } else {
      this.#sessions = this.#channels.map((channel, i) =>
        this.#line.join({ ...asked, session: channelSession(id, i), ...this.#callback(i) }, channel),
      );
    }
    this.#heardAtMs = performance.now();
    this.#idleTimer = setInterval(() => this.#checkIdle(), IDLE_MS / 10);
  }

  hear(data: Buffer, isBinary: boolean): void {
    this.#heardAtMs = performance.now();
    if (this.#isClosing) return;
    if (!isBinary) this.#message(data);
    // Older clients end a stream by a frame that holds nothing.
    else if (data.length === 0) this.#close();
    else {
      this.#sha256.update(data);
      this.#path.take(data);
    }
  }

  say(message: ServerMessage): void {
    this.#channels[0]?.say(message);
  }

  sayPartial(json: Buffer): void {
    this.#channels[0]?.sayPartial(json);
  }

  heard(throughMs: number): void {
    this.#channels[0]?.heard(throughMs);
  }

  press(isFull: boolean): void {
    this.#path.press?.(isFull);
  }

  fail(failure: Failure): Closing {
    const closing = closingOf(failure);
    this.#send(errorMessage(failure, closing.reason));
    return closing;
  }

  gone(): void {
    if (this.#idleTimer !== null) clearInterval(this.#idleTimer);
    this.#path.close?.();
    for (const channel of this.#channels) channel.close();
  }

  /** Where a channel's results go, besides the client itself. */
  #callback(channel: number): Pick<LiveRequest, 'results'> {
    const { id, choice, callback, telling, echo, warnings } = this.#request;
    if (callback === null) return {};
    const place = [channel, this.#channels.length] as const;
    const about = { requestId: id, model: choice.model, place, echo, warnings };
    const request = { about, created: this.#created, punctuate: telling.punctuate };
    return { results: callbackTarget({ settings: this.#settings }, callback, request) };
  }

  #openPath(decoders: LiveDecodersPort): AudioPath {
    const { audio } = this.#request;
    const give = (session: number, bytes: Buffer): void => {
      this.#channels[session]?.sent(bytes.length);
      this.#sessions[session]?.audio(bytes);
    };
    if (audio.raw !== null) return rawPath(audio.raw.encoding, audio, give);
    return new ContainerPath(decoders, audio.encoding, this.#line, (pcm) => give(0, pcm));
  }

  #message(data: Buffer): void {
    const message = parseListenMessage(data);
    switch (message.type) {
      case 'KeepAlive':
        break;
      case 'Finalize':
        for (const [i, channel] of this.#channels.entries()) {
          channel.finalize();
          this.#sessions[i]?.message({ type: 'finalize' });
        }
        break;
      case 'CloseStream':
        this.#close();
        break;
      case 'Configure':
        this.#send({
          type: 'ConfigureFailure',
          request_id: this.#request.id,
          code: 'CONFIGURE_KEYTERMS_NOT_SUPPORTED',
          description: 'the models take no hints, and formatting is settled when the stream begins',
        });
        break;
      case 'unknown':
        this.#send({ type: 'Error', variant: 'SchemaError', description: message.says });
        break;
      default:
        message satisfies never;
    }
  }

  /** No more audio comes: what is left follows, then the metadata. */
  #close(): void {
    this.#isClosing = true;
    this.#path.end().then(
      () => this.#sessions.forEach((session) => session.message({ type: 'end' })),
      (error: unknown) => this.#line.fail(error),
    );
  }

  #done(audioMs: number): void {
    this.#doneChannels += 1;
    // A session may end by itself: what comes now is for nobody.
    this.#isClosing = true;
    this.#audioMs = Math.max(this.#audioMs, audioMs);
    if (this.#doneChannels < this.#channels.length) return;
    const { id, echo, warnings } = this.#request;
    const sha256 = this.#sha256.digest('hex');
    const facts = { sha256, created: this.#created, audioMs: this.#audioMs, channels: this.#channels.length };
    this.#send(metadataMessage({ requestId: id, echo, warnings }, facts));
  }

  #checkIdle(): void {
    if (this.#isClosing || this.#line.isHeld) this.#heardAtMs = performance.now();
    if (performance.now() - this.#heardAtMs >= IDLE_MS) this.#line.close(1011, IDLE_REASON);
  }

  #send(message: object): void {
    this.#line.send(JSON.stringify(message));
  }
}

/** Each channel is a session of its own; the first has the request's name. */
const channelSession = (id: string, channel: number): string => (channel === 0 ? id : `${id}.ch${channel}`);

function closingOf({ type, message, row }: Failure): Closing {
  if (type === 'unsupported_audio' || type === 'empty_audio') {
    return { code: 1008, reason: 'DATA-0000: The payload cannot be decoded as audio' };
  }
  if (type === 'idle_timeout') return { code: 1011, reason: IDLE_REASON };
  if (type === 'shutting_down') return { code: 1012, reason: message };
  return { code: row.httpStatus < 500 ? 1008 : 1011, reason: `${type}: ${message}` };
}

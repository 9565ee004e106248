/** The recognition thread: one recogniser, shared by all sessions of the process. */
import { parentPort, workerData } from 'node:worker_threads';
import { PROGRESS_MS } from '../limits.ts';
import { Desk } from './desk.ts';
import { Listener } from './listener.ts';
import type { FromThread, ThreadData, ToThread } from './messages.ts';
import { loadRecognizer, loadVad, type NativeVad } from './sherpa.ts';
import { RATE, Voice } from './voice.ts';

/**
 * A decode that takes longer hangs, and then no progress is reported: the longest window takes the tiny model 0.2 s and
 * the base model 1.3 s on a free core.
 */
const DECODE_LIMIT_MS = 5000;

const data = workerData as ThreadData;
const port = parentPort;
if (port === null) throw new Error('this file runs as a worker thread');
const say = (message: FromThread): void => port.postMessage(message);

const recognizer = loadRecognizer(data.modelDir, data.threads);
const decode = async (samples: Float32Array): Promise<string> => {
  const stream = recognizer.createStream();
  stream.acceptWaveform({ samples, sampleRate: RATE });
  return (await recognizer.decodeAsync(stream)).text;
};

const desk = new Desk(decode);
const sessions = new Map<number, { readonly listener: Listener; readonly vad: NativeVad }>();
/** VADs are used again: each is a model of its own, and native memory is not seen by the garbage collector. */
const idleVads: NativeVad[] = [];

const timer = setInterval(() => {
  if (desk.decodingForMs() > DECODE_LIMIT_MS) return;
  for (const { listener } of sessions.values()) listener.report();
}, PROGRESS_MS);

function open(id: number, fromByte: number, mode: 'live' | 'file'): void {
  const vad = idleVads.pop() ?? loadVad(data.vadFile);
  const emit: Listener['emit'] = (event) => say({ type: 'event', id, event });
  const listener = new Listener({ fromByte, mode, ear: new Voice(vad), emit });
  sessions.set(id, { listener, vad });
  desk.join(listener);
}

function close(id: number): void {
  const session = sessions.get(id);
  if (session === undefined) return;
  sessions.delete(id);
  desk.leave(session.listener);
  session.vad.reset();
  idleVads.push(session.vad);
}

function handle(message: ToThread): void {
  switch (message.type) {
    case 'open':
      open(message.id, message.fromByte, message.mode);
      return;
    case 'audio':
      sessions.get(message.id)?.listener.give(message.bytes);
      return;
    case 'finalize':
    case 'finish':
      sessions.get(message.id)?.listener.give(message.type);
      return;
    case 'close':
      close(message.id);
      return;
    case 'end':
      for (const id of sessions.keys()) close(id);
      clearInterval(timer);
      port?.close();
      return;
    default:
      message satisfies never;
  }
}

// The first decode is slower than the others: sessions do not pay for it.
await decode(new Float32Array(RATE));
port.on('message', (message: ToThread) => {
  handle(message);
  // What fails in there ends the thread, as an unhandled rejection: the process then fails the open recognisers.
  void desk.wake();
});
say({ type: 'ready' });

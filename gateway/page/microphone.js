/** The microphone: asked for, opened, and given as 16 kHz mono s16le. */
import { OUT_RATE } from './resampler.js';

/** The microphone cannot be had; the message says why and what to do. */
export class NoMicrophone extends Error {}

const LAST_SAMPLES_MS = 500;

/** @type {Record<string, string>} */
const REASONS = {
  NotAllowedError: 'The browser was not allowed to use the microphone. Allow it in the address bar and try again.',
  NotFoundError: 'No microphone was found.',
  NotReadableError: 'The microphone is in use by another program.',
};

/**
 * @typedef {{
 *   readonly audio: (bytes: Uint8Array, peak: number) => void,
 *   readonly gone: () => void,
 * }} Listener `peak` is the loudness, 0 to 1; `gone`: the device was unplugged or the permission taken back
 */

/**
 * @param {Listener} listener
 * @returns {Promise<() => Promise<void>>} closes the microphone, after its last samples
 */
export async function openMicrophone(listener) {
  const stream = await askForMicrophone();
  try {
    return await record(stream, listener);
  } catch (error) {
    for (const track of stream.getTracks()) track.stop();
    throw error;
  }
}

async function askForMicrophone() {
  // Its type says that it is always there; on a page that is not secure it is not.
  const devices = /** @type {MediaDevices | undefined} */ (navigator.mediaDevices);
  if (devices === undefined)
    throw new NoMicrophone('Browsers give the microphone to pages on https or localhost only.');
  return devices.getUserMedia({ audio: { channelCount: 1 } }).catch((/** @type {DOMException} */ error) => {
    throw new NoMicrophone(REASONS[error.name] ?? `The microphone cannot be opened: ${error.message}`);
  });
}

/** @param {MediaStream} stream @param {Listener} listener */
async function record(stream, listener) {
  const { context, source } = openContext(stream);
  await context.audioWorklet.addModule(new URL('recorder-worklet.js', import.meta.url));
  const recorder = new AudioWorkletNode(context, 'recorder', { numberOfOutputs: 0 });
  const ended = new Promise((resolve) => {
    recorder.port.onmessage = ({ data }) => {
      if (data.type === 'audio') listener.audio(data.audio, data.peak);
      else resolve(undefined);
    };
  });
  for (const track of stream.getTracks()) track.onended = listener.gone;
  source.connect(recorder);
  await context.resume();
  return async () => {
    for (const track of stream.getTracks()) track.onended = null;
    recorder.port.postMessage('end');
    // An audio thread that the browser has put to sleep does not answer.
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, LAST_SAMPLES_MS))]);
    source.disconnect();
    for (const track of stream.getTracks()) track.stop();
    await context.close();
  };
}

/** At 16 kHz where the browser converts by itself; else at the device's own rate, and the worklet converts. */
function openContext(/** @type {MediaStream} */ stream) {
  try {
    const context = new AudioContext({ sampleRate: OUT_RATE });
    return { context, source: context.createMediaStreamSource(stream) };
  } catch {
    const context = new AudioContext();
    return { context, source: context.createMediaStreamSource(stream) };
  }
}

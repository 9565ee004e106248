import type { NativeVad } from './sherpa.ts';

/** Samples of one VAD window: 32 ms. */
export const WINDOW = 512;
/** Samples a second. */
export const RATE = 16_000;
/** 100 ms: how long speech must last to be seen, and silence to end it. */
export const VAD_LAG = RATE / 10;
/** From where speech began to the end of the window in which it is seen. */
export const ONSET_LAG = VAD_LAG + WINDOW;

/** The VAD keeps unbroken speech in its buffer of 30 s: it is started afresh before that is full. */
const RESET_AFTER_WINDOWS = (20 * RATE) / WINDOW;
/** After a fresh start speech is taken to go on for so long (256 ms), until it is seen again. */
const RESET_GRACE_WINDOWS = 8;

/** Says of each window whether there is speech in it, lagging by {@link VAD_LAG} at both ends. */
export class Voice {
  private readonly vad: NativeVad;
  private unbroken = 0;
  private grace = 0;

  constructor(vad: NativeVad) {
    this.vad = vad;
  }

  hears(window: Float32Array): boolean {
    this.vad.acceptWaveform(window);
    while (!this.vad.isEmpty()) this.vad.pop();
    const detected = this.vad.isDetected();
    if (this.grace > 0) this.grace -= 1;
    const voiced = detected || this.grace > 0;
    this.unbroken = voiced ? this.unbroken + 1 : 0;
    if (this.unbroken >= RESET_AFTER_WINDOWS) this.restart();
    return voiced;
  }

  private restart(): void {
    this.vad.reset();
    this.unbroken = 0;
    this.grace = RESET_GRACE_WINDOWS;
  }
}

/** Made sound for tests: beeps of different lengths between silences, so that a shift, a cut or a wrong speed shows. */

export const SOUND_RATE = 16_000;

/** Beeps in milliseconds, [from, to). */
export const BEEPS: readonly (readonly [number, number])[] = [
  [300, 900],
  [1200, 1500],
  [2100, 3300],
  [3600, 3700],
];
export const SOUND_MS = 4000;

/** 16 kHz mono s16le. */
export function sound(): Buffer {
  const pcm = Buffer.alloc((SOUND_MS * SOUND_RATE * 2) / 1000);
  for (const [from, to] of BEEPS) {
    for (let i = (from * SOUND_RATE) / 1000; i < (to * SOUND_RATE) / 1000; i += 1) {
      pcm.writeInt16LE(Math.round(9000 * Math.sin((2 * Math.PI * 700 * i) / SOUND_RATE)), i * 2);
    }
  }
  return pcm;
}

/** For each 50 ms of 16 kHz mono s16le whether it is loud (`#`) or not (`.`). */
export function loudness(pcm: Buffer): string {
  const step = SOUND_RATE / 20;
  let shown = '';
  for (let at = 0; at + step * 2 <= pcm.byteLength; at += step * 2) {
    let sum = 0;
    for (let i = 0; i < step; i += 1) sum += pcm.readInt16LE(at + i * 2) ** 2;
    shown += Math.sqrt(sum / step) > 2000 ? '#' : '.';
  }
  return shown;
}

/** A WAV file around samples; `dataBytes` is what its header claims. */
export function wav(
  pcm: Buffer,
  { sampleRate = SOUND_RATE, channels = 1, bits = 16, dataBytes = pcm.byteLength } = {},
): Buffer {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(Math.min(0xffffffff, dataBytes + 36), 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE(((sampleRate * channels * bits) / 8) >>> 0, 28);
  header.writeUInt16LE(((channels * bits) / 8) & 0xffff, 32);
  header.writeUInt16LE(bits, 34);
  header.write('data', 36);
  header.writeUInt32LE(dataBytes, 40);
  return Buffer.concat([header, pcm]);
}

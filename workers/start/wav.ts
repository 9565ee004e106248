/** Reads a plain WAV file: RIFF, 16-bit PCM. Anything else goes through ffmpeg, not through here. */

export interface Wav {
  readonly sampleRate: number;
  readonly channels: number;
  readonly samples: Buffer;
}

/** @throws Error when it is no RIFF/WAVE file of 16-bit PCM */
export function readWav(file: Buffer): Wav {
  if (file.toString('latin1', 0, 4) !== 'RIFF' || file.toString('latin1', 8, 12) !== 'WAVE') {
    throw new Error('not a WAV file');
  }
  let format: { sampleRate: number; channels: number } | null = null;
  for (let at = 12; at + 8 <= file.length;) {
    const [name, bytes] = [file.toString('latin1', at, at + 4), file.readUInt32LE(at + 4)];
    const body = file.subarray(at + 8, at + 8 + bytes);
    if (name === 'fmt ') {
      if (body.readUInt16LE(0) !== 1 || body.readUInt16LE(14) !== 16) throw new Error('not 16-bit PCM');
      format = { channels: body.readUInt16LE(2), sampleRate: body.readUInt32LE(4) };
    }
    if (name === 'data' && format !== null) return { ...format, samples: body };
    // Chunks start at even offsets.
    at += 8 + bytes + (bytes % 2);
  }
  throw new Error('a WAV file without audio');
}

import fc from 'fast-check';
import { openCodec } from '../../../gateway/audio/codec.ts';
import { ENCODINGS, MAX_CHANNELS, SAMPLE_RATES } from '../../../gateway/protocol.ts';
import { LOG_SAMPLE_RATE } from '../../../workflows/contract.ts';
import type { AudioFormat } from '../../../workflows/contract.ts';

const formats: AudioFormat[] = ENCODINGS.flatMap((encoding) =>
  SAMPLE_RATES.flatMap((sampleRate) => [1, 2, 3, MAX_CHANNELS].map((channels) => ({ encoding, sampleRate, channels }))),
);

const frameBytes = ({ encoding, channels }: AudioFormat): number => (encoding === 's16le' ? 2 : 1) * channels;

/** Bytes that look like noise: every value, no period. */
function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  let x = seed | 1;
  for (let i = 0; i < length; i += 1) {
    x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = x >>> 16;
  }
  return bytes;
}

/** Pushes bytes cut at `cuts` (shares of the whole). */
function convert(format: AudioFormat, bytes: Buffer, cuts: readonly number[]): Buffer {
  const codec = openCodec(format, 0);
  const ends = [...cuts.map((cut) => Math.round(cut * bytes.length)), bytes.length].sort((a, b) => a - b);
  let from = 0;
  const parts = ends.map((end) => {
    const part = codec.push(bytes.subarray(from, end));
    from = end;
    return part;
  });
  return Buffer.concat([...parts, codec.flush()]);
}

const format = fc.constantFrom(...formats);
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });
const lengthBytes = fc.nat(3000);

describe('the log of a client', () => {
  test('does not depend on how its audio is cut, also inside a sample', () => {
    fc.assert(
      fc.property(format, lengthBytes, cuts, fc.nat(), (of, length, cutAt, seed) => {
        const bytes = noise(length, seed);
        const whole = convert(of, bytes, []);
        expect(whole.length % 2).toBe(0);
        expect(convert(of, bytes, cutAt).equals(whole)).toBe(true);
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  test('is as long as the audio, in every format', () => {
    for (const of of formats) {
      const frames = 1000;
      const log = convert(of, noise(frames * frameBytes(of), 5), []);
      expect(log.length).toBe(2 * Math.ceil((frames * LOG_SAMPLE_RATE) / of.sampleRate));
    }
  });

  test('goes on at any byte as if nothing had happened, when the client sends from where it is told', () => {
    fc.assert(
      fc.property(
        format,
        lengthBytes,
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 4 }),
        fc.nat(),
        (of, length, breaks, seed) => {
          const bytes = noise(length, seed);
          const whole = convert(of, bytes, []);
          let log = Buffer.alloc(0);
          for (const share of breaks) {
            // The connection breaks: of what was made, some is stored. The next connection starts at that byte.
            const codec = openCodec(of, log.length);
            const sent = bytes.subarray(codec.startClientByte, Math.round(share * bytes.length));
            const made = codec.push(sent);
            log = Buffer.concat([log, made.subarray(0, 2 * Math.floor((made.length * share) / 2))]);
            expect(whole.subarray(0, log.length).equals(log)).toBe(true);
          }
          const last = openCodec(of, log.length);
          log = Buffer.concat([log, last.push(bytes.subarray(last.startClientByte)), last.flush()]);
          expect(log.equals(whole)).toBe(true);
        },
      ),
      { numRuns: 200, seed: 2 },
    );
  });

  test('is acknowledged in the client’s bytes: whole frames, never back, never beyond what was sent', () => {
    fc.assert(
      fc.property(format, lengthBytes, fc.nat(), (of, length, seed) => {
        const codec = openCodec(of, 0);
        const bytes = noise(length, seed);
        let logBytes = 0;
        let acked = codec.clientByte(0);
        expect(acked).toBe(0);
        for (let at = 0; at < length; at += 700) {
          logBytes += codec.push(bytes.subarray(at, at + 700)).length;
          const next = codec.clientByte(logBytes);
          expect(next).toBeGreaterThanOrEqual(acked);
          expect(next).toBeLessThanOrEqual(Math.min(length, at + 700));
          expect(next % frameBytes(of)).toBe(0);
          acked = next;
        }
        // What is held back is a few milliseconds: the filter's reach.
        expect(length - acked).toBeLessThan(frameBytes(of) * (0.006 * of.sampleRate + 2));
      }),
      { numRuns: 150, seed: 3 },
    );
  });
});

describe('an incomplete sample', () => {
  const plain: AudioFormat = { encoding: 's16le', sampleRate: 16_000, channels: 1 };

  test('is carried to the next frame, never shifted', () => {
    const codec = openCodec(plain, 0);
    expect([...codec.push(Buffer.from([1, 2, 3]))]).toEqual([1, 2]);
    expect([...codec.push(Buffer.from([4, 5, 6, 7]))]).toEqual([3, 4, 5, 6]);
  });

  test('at the end is dropped', () => {
    for (const of of formats) {
      const bytes = noise(50 * frameBytes(of), 3);
      const odd = Buffer.concat([bytes, Buffer.alloc(frameBytes(of) - 1, 0x55)]);
      expect(convert(of, odd, []).equals(convert(of, bytes, []))).toBe(true);
    }
  });

  test('alone is no audio', () => {
    expect(convert({ ...plain, sampleRate: 48_000 }, Buffer.from([7]), [])).toHaveLength(0);
    expect(convert(plain, Buffer.from([7]), [])).toHaveLength(0);
  });
});

describe('samples', () => {
  const at16k = (encoding: AudioFormat['encoding'], channels: number, bytes: number[]): number[] => {
    const log = convert({ encoding, sampleRate: 16_000, channels }, Buffer.from(bytes), []);
    return Array.from({ length: log.length / 2 }, (_, i) => log.readInt16LE(2 * i));
  };

  // ITU-T G.711, tables 2a and 1a, as 16-bit values of the reference code.
  test('of mu-law and A-law are those of G.711', () => {
    expect(at16k('mulaw', 1, [0xff, 0x7f, 0x80, 0x00, 0x8f])).toEqual([0, 0, 32_124, -32_124, 16_764]);
    expect(at16k('alaw', 1, [0xd5, 0x55, 0xaa, 0x2a])).toEqual([8, -8, 32_256, -32_256]);
  });

  test('of several channels are mixed by their mean', () => {
    const stereo = Buffer.alloc(8);
    [1000, 3000, -32_768, 32_767].forEach((value, i) => stereo.writeInt16LE(value, 2 * i));
    expect(at16k('s16le', 2, [...stereo])).toEqual([2000, 0]);
  });

  test('at full scale are clipped, not wrapped', () => {
    const loud = Buffer.alloc(2 * 480);
    for (let i = 0; i < 480; i += 1) loud.writeInt16LE(i % 48 < 24 ? 32_767 : -32_768, 2 * i);
    const log = convert({ encoding: 's16le', sampleRate: 48_000, channels: 1 }, loud, []);
    const samples = Array.from({ length: log.length / 2 }, (_, i) => log.readInt16LE(2 * i));
    // A square wave overshoots its steps; a wrapped sample would jump over the whole range between two neighbours.
    expect(Math.max(...samples)).toBe(32_767);
    const flat = samples.slice(20, -20).map((sample, i) => ({ sample, high: (i + 20) % 16 < 8 }));
    expect(flat.filter(({ sample, high }, i) => i % 8 === 4 && sample > 0 !== high)).toEqual([]);
  });
});

import fc from 'fast-check';
import { AudioBuffer } from '../../../gateway/audio/buffer.ts';

type Step =
  | { readonly kind: 'append'; readonly bytes: Uint8Array }
  | { readonly kind: 'trim'; readonly at: number }
  | { readonly kind: 'read'; readonly at: number; readonly length: number };

const share = fc.double({ min: -0.1, max: 1.1, noNaN: true });
/** Mostly small pieces, which are copied together; now and then one that is held as it is. */
const bytes = fc.oneof(
  { weight: 9, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(3000, 4095, 4096, 9000).map((length) => new Uint8Array(length).fill(length)),
  },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('append' as const), bytes }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('trim' as const), at: share }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('read' as const), at: share, length: fc.nat(90) }) },
);

/** All bytes from `offset` on, run by run. */
function readAll(buffer: AudioBuffer, offset: number): Buffer {
  const runs: Buffer[] = [];
  for (let at = offset; ;) {
    const run = buffer.from(at);
    if (run === null) return Buffer.concat(runs);
    expect(run.length).toBeGreaterThan(0);
    runs.push(run);
    at += run.length;
  }
}

test('reads, at any offset and after any trim, what a plain buffer holds there', () => {
  fc.assert(
    fc.property(fc.nat(5000), fc.array(step, { maxLength: 60 }), (start, steps) => {
      const buffer = new AudioBuffer(start);
      let plain = Buffer.alloc(0);
      for (const next of steps) {
        const place = (part: number) => start + Math.round(part * plain.length);
        if (next.kind === 'append') {
          buffer.append(Buffer.from(next.bytes));
          plain = Buffer.concat([plain, next.bytes]);
        } else if (next.kind === 'trim') {
          const before = buffer.start;
          buffer.trim(place(next.at));
          expect(buffer.start).toBeGreaterThanOrEqual(before);
          // Only what lies before the offset is let go of, and never more than there is.
          expect(buffer.start).toBeLessThanOrEqual(Math.max(before, Math.min(place(next.at), buffer.end)));
        } else {
          const at = place(next.at);
          const held = at >= buffer.start && at < buffer.end;
          expect(readAll(buffer, at).equals(held ? plain.subarray(at - start) : Buffer.alloc(0))).toBe(true);
          const to = Math.min(at + next.length, buffer.end);
          if (held) expect(buffer.slice(at, to).equals(plain.subarray(at - start, to - start))).toBe(true);
        }
        expect(buffer.end).toBe(start + plain.length);
      }
    }),
    { numRuns: 1000, seed: 11 },
  );
});

test('a slice of bytes that are not held is refused with what is held', () => {
  const buffer = new AudioBuffer(10);
  buffer.append(Buffer.alloc(5000));
  buffer.append(Buffer.alloc(5000));
  buffer.trim(5010);
  expect(() => buffer.slice(5009, 5011)).toThrow('bytes from 5009 are not held: 5010 to 10010 are');
  expect(() => buffer.slice(10_008, 10_011)).toThrow('bytes from 10010 are not held');
  expect(buffer.slice(5010, 5010)).toHaveLength(0);
});

test('what was read stays as it was when more comes', () => {
  const buffer = new AudioBuffer(0);
  buffer.append(Buffer.from('ab'));
  const run = buffer.from(0);
  buffer.append(Buffer.from('cd'));
  expect(run?.toString()).toBe('ab');
  expect(buffer.from(1)?.toString()).toBe('bcd');
});

test('a million pieces of a byte, each in a packet of its own, are held in little more than their bytes', () => {
  const buffer = new AudioBuffer(0);
  const before = process.memoryUsage();
  for (let packets = 0; packets < 1000; packets += 1) {
    const packet = Buffer.alloc(64_000);
    for (let at = 0; at < 1000; at += 1) buffer.append(packet.subarray(at, at + 1));
  }
  const after = process.memoryUsage();
  expect(buffer.end).toBe(1_000_000);
  // Garbage that is not collected yet counts here too; piece by piece it would be 64 MB of packets and 150 MB of objects.
  expect(after.heapUsed - before.heapUsed).toBeLessThan(60 << 20);
});

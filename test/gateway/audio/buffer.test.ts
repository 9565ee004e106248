import fc from 'fast-check';
import { AudioBuffer } from '../../../gateway/audio/buffer.ts';

type Step =
  | { readonly kind: 'append'; readonly bytes: Uint8Array }
  | { readonly kind: 'trim'; readonly at: number }
  | { readonly kind: 'read'; readonly at: number; readonly length: number };

const share = fc.double({ min: -0.1, max: 1.1, noNaN: true });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('append' as const), bytes: fc.uint8Array({ maxLength: 40 }) }),
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
          expect(readAll(buffer, at)).toEqual(held ? plain.subarray(at - start) : Buffer.alloc(0));
          const to = Math.min(at + next.length, buffer.end);
          if (held) expect(buffer.slice(at, to)).toEqual(plain.subarray(at - start, to - start));
        }
        expect(buffer.end).toBe(start + plain.length);
      }
    }),
    { numRuns: 1000, seed: 11 },
  );
});

test('a slice of bytes that are not held is refused with what is held', () => {
  const buffer = new AudioBuffer(10);
  buffer.append(Buffer.alloc(5));
  buffer.append(Buffer.alloc(5));
  buffer.trim(15);
  expect(() => buffer.slice(14, 16)).toThrow('bytes from 14 are not held: 15 to 20 are');
  expect(() => buffer.slice(18, 21)).toThrow('bytes from 20 are not held');
  expect(buffer.slice(15, 15)).toHaveLength(0);
});

import fc from 'fast-check';
import { checkFromByte, SamplePairs } from '../../../workers/engines/sample-pairs.ts';

test('any cutting of the bytes gives the same whole samples', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 9 })), (chunks) => {
      const pairs = new SamplePairs();
      const taken = chunks.map((chunk) => pairs.take(chunk));
      expect(taken.every((each) => each.length % 2 === 0)).toBe(true);
      const all = Buffer.concat(chunks);
      expect(Buffer.concat(taken)).toEqual(all.subarray(0, all.length - (all.length % 2)));
    }),
  );
});

test.each([1, -2, 0.5, NaN, Infinity])('a recogniser does not start at byte %p', (fromByte) => {
  expect(() => checkFromByte(fromByte)).toThrow('even byte offset');
});

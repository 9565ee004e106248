/**
 * Which stored audio has no text: segments, and the silence that recognisers told of, against the audio log. Pure.
 */
import { LOG_BYTES_PER_MS } from './contract.ts';
import type { Coverage, Hole, Segment, Span } from './contract.ts';

/** No word fits into less: recognisers round where they cut. */
const MIN_HOLE_BYTES = 100 * LOG_BYTES_PER_MS;

/**
 * The stretches of audio, in order, that are in no segment and of which no recogniser has said that they are silence.
 * @param storedBytes where the stored audio ends; counts where `coverage.toByte` is null
 */
export function holesIn(
  segments: readonly Pick<Segment, 'startByte' | 'endByte'>[],
  coverage: Coverage,
  storedBytes: number,
): Span[] {
  const { fromByte, throughByte, holes } = coverage;
  const toByte = coverage.toByte ?? storedBytes;
  const rest = { fromByte: Math.max(fromByte, throughByte), toByte };
  const known = segments.map(({ startByte, endByte }) => ({ fromByte: startByte, toByte: endByte }));
  return joined([...holes, rest])
    .flatMap((hole) => without(hole, known))
    .map((hole) => ({ fromByte: Math.max(hole.fromByte, fromByte), toByte: Math.min(hole.toByte, toByte) }))
    .filter((hole) => hole.toByte - hole.fromByte >= MIN_HOLE_BYTES);
}

/** The same stretches in order, those that touch or overlap as one. */
export function joined(stretches: readonly Span[]): Span[] {
  const result: Span[] = [];
  for (const { fromByte, toByte } of [...stretches].sort((a, b) => a.fromByte - b.fromByte)) {
    const last = result.at(-1);
    if (last !== undefined && fromByte <= last.toByte) {
      result[result.length - 1] = { fromByte: last.fromByte, toByte: Math.max(last.toByte, toByte) };
    } else if (fromByte < toByte) result.push({ fromByte, toByte });
  }
  return result;
}

/** At most so many stretches: where there are more, those with the least between them become one. */
export function atMost(count: number, stretches: readonly Span[]): Span[] {
  const result = joined(stretches);
  while (result.length > count) {
    const gaps = result.slice(1).map(({ fromByte }, i) => fromByte - (result[i]?.toByte ?? 0));
    const at = gaps.indexOf(Math.min(...gaps));
    const [first, second] = [result[at], result[at + 1]];
    if (first === undefined || second === undefined) break;
    result.splice(at, 2, { fromByte: first.fromByte, toByte: second.toByte });
  }
  return result;
}

function without(stretch: Span, taken: readonly Span[]): Span[] {
  return taken.reduce<Span[]>(
    (rest, { fromByte, toByte }) =>
      rest.flatMap((piece) =>
        toByte <= piece.fromByte || fromByte >= piece.toByte
          ? [piece]
          : [
              { fromByte: piece.fromByte, toByte: Math.max(piece.fromByte, fromByte) },
              { fromByte: Math.min(piece.toByte, toByte), toByte: piece.toByte },
            ].filter((each) => each.fromByte < each.toByte),
      ),
    [stretch],
  );
}

/** As a reader of a transcript sees it. */
export const holeOf = ({ fromByte, toByte, channel }: Span & { readonly channel?: number }): Hole => ({
  startMs: Math.floor(fromByte / LOG_BYTES_PER_MS),
  endMs: Math.ceil(toByte / LOG_BYTES_PER_MS),
  ...(channel === undefined ? {} : { channel }),
});

/** A file's plan: its spans, and which of them are finished. Pure, and plain JSON. */
import type { FilePlan, FileSpan, Span, SpanSet } from './contract.ts';
import { joined } from './coverage.ts';

/** The spans in the order in which they are transcribed: by time, so that all channels go on together. */
export function spansOf({ cuts }: FilePlan): FileSpan[] {
  const spans = cuts.flatMap((borders, channel) =>
    borders.slice(1).map((toByte, i) => ({ channel, fromByte: borders[i] ?? 0, toByte })),
  );
  return spans.sort((a, b) => a.fromByte - b.fromByte || a.channel - b.channel);
}

/** Borders of spans that follow each other from byte 0 on. */
export const cutsOf = (spans: readonly Span[]): number[] => [0, ...spans.map(({ toByte }) => toByte)];

/** Bytes of all channels together: what there is to transcribe. */
export const bytesOf = ({ cuts }: FilePlan): number => cuts.reduce((sum, borders) => sum + (borders.at(-1) ?? 0), 0);

/** Where the longest channel ends. */
export const endByteOf = ({ cuts }: FilePlan): number => Math.max(0, ...cuts.map((borders) => borders.at(-1) ?? 0));

export const NONE_DONE: SpanSet = { next: 0, open: [] };

export const isDone = ({ next, open }: SpanSet, span: number): boolean => span < next && !open.includes(span);

export const doneCount = ({ next, open }: SpanSet): number => next - open.length;

export function withDone(set: SpanSet, span: number): SpanSet {
  if (span < set.next) return { ...set, open: set.open.filter((other) => other !== span) };
  const between = Array.from({ length: span - set.next }, (_, i) => set.next + i);
  return { next: span + 1, open: [...set.open, ...between] };
}

/** Indexes below `count` that are not finished, in order. */
export const undone = ({ next, open }: SpanSet, count: number): number[] => [
  ...open,
  ...Array.from({ length: Math.max(0, count - next) }, (_, i) => next + i),
];

/** The same stretches in order; those of one channel that touch are one. */
export function joinedSpans(spans: readonly FileSpan[]): FileSpan[] {
  const byChannel = Map.groupBy(spans, ({ channel }) => channel);
  return [...byChannel]
    .sort(([a], [b]) => a - b)
    .flatMap(([channel, stretches]) => joined(stretches).map((stretch) => ({ ...stretch, channel })));
}

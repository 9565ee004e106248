/**
 * How long the sessions of a queue will wait. The pool is played through many times: each slot is held as long as a
 * recent session held one (of those that held it at least as long as its holder has by now), then given to the next in
 * the queue. What is told is the median. Pure, and the same for the same facts.
 */
import type { SlotTimes, SlotUser } from '../ports.ts';

/** Work of one estimate, in slots and sessions played: 20 ms at most. */
const BUDGET = 50_000;
const MOST_PLAYS = 101;
const FEWEST_PLAYS = 11;

/** Evenly spread numbers in [0, 1), the same each time (golden ratio sequence). */
function spread(): () => number {
  let at = 0.5;
  return () => (at = (at + 0.618_033_988_75) % 1);
}

const ascending = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);

/** What a slot is held for by a kind of user: one of the recent ones that held it longer than `heldMs`; less that. */
function remainingMs(recent: readonly number[], heldMs: number, share: number): number {
  const from = recent.findIndex((ms) => ms > heldMs);
  // Longer than all that are known: where such a one stands nobody knows.
  if (from < 0) return share * (recent.at(-1) ?? 0);
  return (recent[from + Math.floor(share * (recent.length - from))] ?? 0) - heldMs;
}

/** Takes the slot that is free first and holds it; answers when that was. `freeMs` is in ascending order and stays so. */
function take(freeMs: number[], heldMs: number): number {
  const atMs = freeMs.shift() ?? 0;
  const untilMs = atMs + heldMs;
  let [low, high] = [0, freeMs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((freeMs[middle] ?? 0) < untilMs) low = middle + 1;
    else high = middle;
  }
  freeMs.splice(low, 0, untilMs);
  return atMs;
}

/**
 * Waits in milliseconds of the sessions of a queue, in its order; null without a slot, or where no session has ended yet.
 * @param slots of all workers of the model
 */
export function estimateWaits(slots: number, times: SlotTimes, queue: readonly SlotUser[]): number[] | null {
  const known = { live: ascending(times.recent.live), span: ascending(times.recent.span) };
  const recentOf = (kind: SlotUser): number[] => {
    const other = kind === 'live' ? known.span : known.live;
    return known[kind].length > 0 ? known[kind] : other;
  };
  if (slots === 0 || recentOf('live').length === 0) return null;
  const wanted = Math.floor(BUDGET / (slots + queue.length));
  const plays = Math.max(FEWEST_PLAYS, Math.min(MOST_PLAYS, wanted));
  const next = spread();
  const waits = queue.map((): number[] => []);
  for (let play = 0; play < plays; play += 1) {
    const held = times.held.slice(0, slots).map(({ kind, ms }) => remainingMs(recentOf(kind), ms, next()));
    const freeMs = ascending([...held, ...new Array<number>(Math.max(0, slots - held.length)).fill(0)]);
    queue.forEach((kind, i) => waits[i]?.push(take(freeMs, remainingMs(recentOf(kind), 0, next()))));
  }
  return waits.map((each) => Math.round(ascending(each)[plays >> 1] ?? 0));
}

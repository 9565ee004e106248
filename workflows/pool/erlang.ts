/**
 * How many workers a load needs: A. K. Erlang, "Solution of some problems in the theory of probabilities of significance
 * in automatic telephone exchanges" (1917); the recursion and the waiting time as in R. B. Cooper, "Introduction to Queueing
 * Theory" (2nd ed. 1981), chapter 3. A load in erlangs is arrivals in a time × mean holding time in that time.
 */

// Taken once: in the workflow sandbox every look at a global is slow.
const { exp, max } = Math;

/** Erlang B: the share of sessions that find all `servers` busy where none waits. `load` in erlangs. */
export function erlangB(servers: number, load: number): number {
  let blocked = 1;
  for (let n = 1; n <= servers; n += 1) blocked = (load * blocked) / (n + load * blocked);
  return blocked;
}

/** Erlang C from Erlang B: 1 where the load is too much for the servers. */
const delayed = (servers: number, load: number, blocked: number): number =>
  load >= servers ? 1 : (servers * blocked) / (servers - load * (1 - blocked));

/** Erlang C: the share of sessions that wait at all. */
export const erlangC = (servers: number, load: number): number => delayed(servers, load, erlangB(servers, load));

/** What is wanted of a queue: `servedShare` of the sessions begin within `withinMs`. */
export interface WaitTarget {
  readonly servedShare: number;
  readonly withinMs: number;
  /** Where sessions are few: or so few late ones an hour that one server more is not worth its while. */
  readonly latePerHour?: number;
}

const HOUR_MS = 3_600_000;

/** The share that waits longer than `withinMs`: waits of those who wait are exponential, with mean hold ÷ (servers − load). */
const waitsLonger = (servers: number, load: number, waits: number, withinMs: number, holdMs: number): number =>
  load >= servers ? 1 : waits * exp((-(servers - load) * withinMs) / holdMs);

/** The share of sessions that wait longer than `withinMs`. */
export const shareWaitingLonger = (servers: number, load: number, withinMs: number, holdMs: number): number =>
  waitsLonger(servers, load, erlangC(servers, load), withinMs, holdMs);

/** The fewest servers that meet the target. */
export function serversFor(load: number, target: WaitTarget, holdMs: number): number {
  if (load <= 0) return 0;
  const fewLate = ((target.latePerHour ?? 0) * holdMs) / (load * HOUR_MS);
  const lateShare = max(1 - target.servedShare, fewLate);
  let blocked = 1;
  for (let servers = 1; ; servers += 1) {
    blocked = (load * blocked) / (servers + load * blocked);
    const late = waitsLonger(servers, load, delayed(servers, load, blocked), target.withinMs, holdMs);
    if (late <= lateShare && load < servers) return servers;
  }
}

/** The largest load, in erlangs, that so many servers serve within the target, to a millionth of their number. */
export function loadFor(servers: number, target: WaitTarget, holdMs: number): number {
  let [low, high] = [0, servers];
  while (high - low > servers * 1e-6) {
    const middle = (low + high) / 2;
    if (shareWaitingLonger(servers, middle, target.withinMs, holdMs) <= 1 - target.servedShare) low = middle;
    else high = middle;
  }
  return low;
}

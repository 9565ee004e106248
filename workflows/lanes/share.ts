/**
 * How a tenant's lanes are shared out: one lane runs one span at a time. Files of a higher priority come first, then those
 * that asked first; what a file holds is never taken away. Pure, and plain JSON: carried through continue-as-new.
 *
 * Temporal does not keep the order of two signals of one workflow: what a file asks is numbered, and what comes after
 * something newer is void. An id that gets another workflow begins another life, so that neither is taken for the other.
 */
import type { AskLanes, PriorityClass } from '../contract.ts';

export interface Holder {
  /** Workflow id of the file. */
  readonly file: string;
  readonly wanted: number;
  readonly granted: number;
  readonly priority: PriorityClass;
  readonly turn: number;
  readonly life?: number;
}

export interface LanesState {
  readonly bound: number;
  /** In the order in which they came. */
  readonly holders: readonly Holder[];
  /** Those that were done last, and how that was numbered; absent: none. */
  readonly ended?: readonly Ended[];
}

type Turn = Pick<AskLanes, 'turn' | 'life'>;
type Ended = Turn & { readonly file: string };

/** What crosses the end of its file comes within moments. */
const ENDED_KEPT = 100;

export const NO_LANES: LanesState = { bound: 0, holders: [] };

const RANK: Readonly<Record<PriorityClass, number>> = { high: 0, normal: 1, low: 2 };

/** A file says how many lanes it would have: fewer than it holds gives some back, none ends its part. The newest bound counts. */
export function asked(state: LanesState, ask: AskLanes): LanesState {
  const { file, lanes, holds, priority, bound } = ask;
  const { holders, ended = [] } = state;
  const known = holders.find((holder) => holder.file === file);
  const newest = known ?? ended.find((one) => one.file === file);
  if (newest !== undefined && isOlder(ask, newest)) return state;
  const others = holders.filter((holder) => holder !== known);
  const order: Turn = { turn: ask.turn, ...(ask.life === undefined ? {} : { life: ask.life }) };
  const otherEnds = ended.filter((one) => one.file !== file);
  if (lanes <= 0) return { bound, holders: others, ended: [...otherEnds, { file, ...order }].slice(-ENDED_KEPT) };
  // What was granted before it asked, and has not reached it, is void.
  const granted = Math.min(holds ?? known?.granted ?? 0, lanes);
  const holder = { file, wanted: lanes, granted, priority, ...order };
  return {
    bound,
    holders: known === undefined ? [...others, holder] : holders.map((it) => (it === known ? holder : it)),
    ended: otherEnds,
  };
}

const isOlder = (a: Turn, b: Turn): boolean => ((a.life ?? 0) - (b.life ?? 0) || a.turn - b.turn) < 0;

/** The file is not there any more. */
export const gone = (state: LanesState, file: string): LanesState => ({
  ...state,
  holders: state.holders.filter((holder) => holder.file !== file),
});

/** Gives out what is free; answers the holders that have more than before. */
export function shareOut(state: LanesState): { readonly state: LanesState; readonly grants: readonly Holder[] } {
  let free = state.bound - state.holders.reduce((sum, { granted }) => sum + granted, 0);
  const given = new Map<Holder, Holder>();
  for (const holder of [...state.holders].sort((a, b) => RANK[a.priority] - RANK[b.priority])) {
    const more = Math.min(holder.wanted - holder.granted, free);
    if (more <= 0) continue;
    free -= more;
    given.set(holder, { ...holder, granted: holder.granted + more });
  }
  if (given.size === 0) return { state, grants: [] };
  return {
    state: { ...state, holders: state.holders.map((holder) => given.get(holder) ?? holder) },
    grants: [...given.values()],
  };
}

/** Whether a file waits for lanes. */
export const isWaiting = ({ holders }: LanesState): boolean => holders.some(({ wanted, granted }) => granted < wanted);

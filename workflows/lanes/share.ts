/**
 * How a tenant's lanes are shared out: one lane runs one span at a time. Files of a higher priority come first, then those
 * that asked first; what a file holds is never taken away. Pure, and plain JSON: carried through continue-as-new.
 */
import type { AskLanes, PriorityClass } from '../contract.ts';

export interface Holder {
  /** Workflow id of the file. */
  readonly file: string;
  readonly wanted: number;
  readonly granted: number;
  readonly priority: PriorityClass;
  readonly turn: number;
}

export interface LanesState {
  readonly bound: number;
  /** In the order in which they came. */
  readonly holders: readonly Holder[];
}

export const NO_LANES: LanesState = { bound: 0, holders: [] };

const RANK: Readonly<Record<PriorityClass, number>> = { high: 0, normal: 1, low: 2 };

/** A file says how many lanes it would have: fewer than it holds gives some back, none ends its part. The newest bound counts. */
export function asked(state: LanesState, { file, lanes, priority, bound, turn }: AskLanes): LanesState {
  const known = state.holders.find((holder) => holder.file === file);
  const others = state.holders.filter((holder) => holder !== known);
  if (lanes <= 0) return { bound, holders: others };
  const holder = { file, wanted: lanes, granted: Math.min(known?.granted ?? 0, lanes), priority, turn };
  const holders = known === undefined ? [...others, holder] : state.holders.map((it) => (it === known ? holder : it));
  return { bound, holders };
}

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

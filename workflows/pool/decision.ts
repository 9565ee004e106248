/** What the scaler says, and why. Plain JSON: shown to operators, written into the workflow's history. */
import type { Workers } from './observation.ts';

/** In the order in which they may have the last word: wishes first, then bounds, then the operator. */
export const RULES = [
  'calendar',
  'headroom',
  'backlog',
  'forecast',
  'busy',
  'coolDown',
  'hysteresis',
  'minimum',
  'maximum',
  'costCap',
  'paused',
  'override',
] as const;
export type Rule = (typeof RULES)[number];

export interface Decision {
  readonly atMs: number;
  /** Standing and burst workers together. */
  readonly target: number;
  readonly workers: Workers;
  /** The rule whose number the target is. */
  readonly rule: Rule;
  /** Each rule's own number; null where the policy has it not or it has nothing to say. */
  readonly numbers: Readonly<Record<Rule, number | null>>;
  /** For people: names the rule, its number and what it was reckoned from. */
  readonly sentence: string;
  /** Each is said once. */
  readonly notices: readonly Notice[];
}

export type Notice =
  /** Somebody else changed the pool; it is set right once. */
  | { readonly kind: 'drift'; readonly found: Workers; readonly wanted: Workers; readonly sentence: string }
  /** Workers do not become ready. */
  | { readonly kind: 'scaleFailed'; readonly starting: number; readonly forMs: number; readonly sentence: string }
  | { readonly kind: 'scaleRecovered'; readonly sentence: string }
  | { readonly kind: 'overrideEnded'; readonly sentence: string };

/**
 * Where a reader of a session's events stands: `<finals it has>.<which state it was told>`, or `<finals>.done`. Any gateway
 * can go on from it, since finals are numbered by the session itself and a state is named by its own digest.
 */
import { createHash } from 'node:crypto';
import { Failure } from '../failures.ts';

export interface EventPlace {
  /** Index of the first final that the reader does not have. */
  readonly nextIndex: number;
  /** Names the state last told; `done` once the reader was told that no more comes; empty before anything. */
  readonly told: string;
}

export const START: EventPlace = { nextIndex: 0, told: '' };
export const DONE = 'done';

const PATTERN = /^(\d{1,9})\.(done|[0-9a-f]{8}|)$/;

export const eventId = ({ nextIndex, told }: EventPlace): string => `${nextIndex}.${told}`;

/** @throws Failure `invalid_parameter` */
export function parseEventId(given: string): EventPlace {
  const [, nextIndex, told] = PATTERN.exec(given) ?? [];
  if (nextIndex === undefined || told === undefined) {
    throw new Failure('invalid_parameter', 'Last-Event-ID: the id of an event of this session');
  }
  return { nextIndex: Number(nextIndex), told };
}

/** Names a state by what it says. */
export const digestOf = (state: object): string =>
  createHash('sha256').update(JSON.stringify(state)).digest('hex').slice(0, 8);

/** Rules broken in one place each: what the simulator must find. */
import type { Rules } from './host.ts';
import { RULES } from './host.ts';

const { decide, evolve, refuseCommit } = RULES;

export const BROKEN_RULES: Readonly<Record<string, Rules>> = {
  'a commit of an older epoch is taken': {
    decide: (command, state, nowMs) =>
      command.type === 'CommitSegments'
        ? decide({ ...command, commit: { ...command.commit, epoch: state.epoch } }, state, nowMs)
        : decide(command, state, nowMs),
    evolve,
    refuseCommit: (state, commit) => refuseCommit(state, { ...commit, epoch: state.epoch }),
  },
  'a repeated index is committed again': {
    decide: (command, state, nowMs) => {
      if (command.type !== 'CommitSegments') return decide(command, state, nowMs);
      const { segments, throughByte } = command.commit;
      return refuseCommit(state, command.commit) === null ? [{ type: 'SegmentsCommitted', segments, throughByte }] : [];
    },
    evolve,
    refuseCommit,
  },
  'a lost worker is not replaced': {
    decide: (command, state, nowMs) => (command.type === 'LoseWorker' ? [] : decide(command, state, nowMs)),
    evolve: (state, event) => evolve(state, event),
    refuseCommit,
  },
  'a lost worker sends the session to sleep': {
    decide: (command, state, nowMs) => {
      const events = decide(command, state, nowMs);
      return command.type === 'LoseWorker' && events.length > 0 ? [{ type: 'SlotReleased' }] : events;
    },
    evolve,
    refuseCommit,
  },
  'a lease does not raise the epoch': {
    decide,
    evolve: (state, event) =>
      event.type === 'LeaseGranted' ? { ...evolve(state, event), epoch: state.epoch } : evolve(state, event),
    refuseCommit,
  },
  'an old connection that goes takes the present client along': {
    decide: (command, state, nowMs) => {
      const connection = state.client?.connection;
      return decide(command.type === 'Detach' && connection ? { ...command, connection } : command, state, nowMs);
    },
    evolve,
    refuseCommit,
  },
  'a forced end waits for a client': {
    decide: (command, state, nowMs) =>
      decide(command, state, nowMs).filter(({ type }) => command.type !== 'ExpireWindow' || type !== 'SlotWanted'),
    evolve,
    refuseCommit,
  },
  'a client that comes back wakes no idle session': {
    decide: (command, state, nowMs) =>
      decide(command, state, nowMs).filter(({ type }) => command.type !== 'Attach' || type !== 'SlotWanted'),
    evolve,
    refuseCommit,
  },
  'a stream that was left ends as if its client had not come back': {
    decide: (command, state, nowMs) =>
      decide(command.type === 'EndStream' ? { ...command, generation: state.generation } : command, state, nowMs),
    evolve,
    refuseCommit,
  },
  'a stretch that is heard again is not accounted for': {
    decide,
    evolve: (state, event) =>
      event.type === 'SegmentsCommitted'
        ? { ...evolve(state, event), throughByte: state.throughByte }
        : evolve(state, event),
    refuseCommit,
  },
  'audio that is passed over is forgotten': {
    decide,
    evolve: (state, event) =>
      event.type === 'AudioSkipped' ? { ...evolve(state, event), holes: state.holes } : evolve(state, event),
    refuseCommit,
  },
  'a checkpoint takes one final too many': {
    decide,
    evolve: (state, event) =>
      event.type === 'SegmentsCheckpointed'
        ? { ...evolve(state, event), tailFrom: event.end + 1 }
        : evolve(state, event),
    refuseCommit,
  },
  'the gateway that is gone is asked for ever': {
    decide: (command, state, nowMs) => decide(command, state, nowMs).filter(({ type }) => type !== 'GatewayForgotten'),
    evolve,
    refuseCommit,
  },
};

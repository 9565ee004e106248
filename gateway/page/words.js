/** What the page says of a session, in plain words. */

/** @typedef {import('./live-session.js').Snapshot} Snapshot */
/** @typedef {import('../rest/shown-session.ts').Session} Session */
/** @typedef {{ readonly tone: 'good' | 'busy' | 'bad' | 'quiet', readonly headline: string, readonly detail: string }} Status */

/**
 * A place in audio: `00:12.3`, `1:00:12.3`.
 * @param {number} ms
 */
export function clock(ms) {
  const tenths = Math.floor(ms / 100);
  const two = (/** @type {number} */ value) => String(value).padStart(2, '0');
  const [hours, minutes, seconds] = [
    Math.floor(tenths / 36_000),
    Math.floor(tenths / 600) % 60,
    Math.floor(tenths / 10) % 60,
  ];
  return `${hours > 0 ? `${hours}:` : ''}${two(minutes)}:${two(seconds)}.${tenths % 10}`;
}

/**
 * A length of time, roughly: `20 s`, `3 min`.
 * @param {number} ms
 */
export function roughly(ms) {
  const seconds = Math.max(1, Math.round(ms / 1000));
  return seconds < 100 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}

/**
 * How long ago, in a word or two.
 * @param {string} iso
 * @param {number} nowMs
 */
export function ago(iso, nowMs) {
  const seconds = Math.max(0, Math.round((nowMs - Date.parse(iso)) / 1000));
  if (seconds < 60) return 'just now';
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** @param {NonNullable<Snapshot['queue']>} queue */
function waitWords({ position, estimatedWaitMs }) {
  const known = [
    position === null ? '' : `place ${position}`,
    estimatedWaitMs === null ? '' : `about ${roughly(estimatedWaitMs)}`,
  ].filter((word) => word !== '');
  return known.length > 0 ? `Waiting (${known.join(', ')})` : 'Waiting';
}

/**
 * @param {Snapshot} snapshot
 * @returns {Status}
 */
export function liveStatus({ link, why, pauseMs, queue, isServed, isEnding, outcome, unsavedMs }) {
  if (outcome !== null) return outcomeStatus(outcome, unsavedMs);
  if (link === 'broken') {
    const next = pauseMs > 0 ? `next attempt in ${roughly(pauseMs)}` : 'trying now';
    const detail = `${capital(why)}. What you say is kept here; ${next}.`;
    return { tone: 'bad', headline: 'Reconnecting', detail };
  }
  if (link === 'connecting') return { tone: 'busy', headline: 'Connecting', detail: '' };
  if (queue !== null) {
    const detail = 'All workers are busy. Your words are stored meanwhile and follow as soon as one is free.';
    return { tone: 'busy', headline: waitWords(queue), detail };
  }
  if (isEnding) return { tone: 'busy', headline: 'Finishing', detail: 'The last words follow.' };
  return { tone: 'good', headline: 'Connected', detail: isServed ? '' : 'A worker takes the session up.' };
}

/**
 * @param {NonNullable<Snapshot['outcome']>} outcome
 * @param {number} unsavedMs
 * @returns {Status}
 */
function outcomeStatus(outcome, unsavedMs) {
  const unsaved = unsavedMs > 0 ? ` ${seconds(unsavedMs)} of speech could not be sent any more.` : '';
  switch (outcome.kind) {
    case 'done': {
      const headline = outcome.state === 'completed' ? 'Done' : 'Cancelled';
      const detail = `${clock(outcome.audioMs)} of speech, transcribed and stored.${unsaved}`;
      return { tone: unsaved === '' ? 'quiet' : 'bad', headline, detail };
    }
    case 'superseded':
      return { tone: 'quiet', headline: 'Taken over', detail: `Another window goes on with this session.${unsaved}` };
    case 'left':
      return { tone: 'quiet', headline: 'Left', detail: `The session stays open for a while.${unsaved}` };
    default:
      return { tone: 'bad', headline: 'It cannot go on', detail: `${capital(outcome.message)}.${unsaved}` };
  }
}

/**
 * What is stored, and what is not yet.
 * @param {Pick<Snapshot, 'storedMs' | 'unsavedMs'>} snapshot
 */
export function storedWords({ storedMs, unsavedMs }) {
  const unsaved = unsavedMs > 0 ? `, ${seconds(unsavedMs)} unsaved` : '';
  return `Stored up to ${clock(storedMs)}${unsaved}`;
}

/** @param {number} ms */
const seconds = (ms) => (ms < 99_950 ? `${(ms / 1000).toFixed(1)} s` : roughly(ms));

/** @type {Record<Session['state'], readonly [Status['tone'], string]>} */
const STATES = {
  preparing: ['busy', 'Decoding'],
  queued: ['busy', 'Waiting for a worker'],
  streaming: ['good', 'Transcribing'],
  idle: ['quiet', 'Nobody is speaking'],
  closing: ['busy', 'Writing'],
  completed: ['quiet', 'Done'],
  stopped: ['quiet', 'Stopped'],
  cancelled: ['quiet', 'Cancelled'],
  failed: ['bad', 'Failed'],
};

/** The state of a session in the list. @param {string} state */
export const stateWord = (state) => stateOf(state)[1];

/** @param {string} state */
export const stateTone = (state) => stateOf(state)[0];

/** @param {string} state a later version may know more @returns {readonly [Status['tone'], string]} */
const stateOf = (state) =>
  Object.hasOwn(STATES, state) ? STATES[/** @type {Session['state']} */ (state)] : ['quiet', state];

/**
 * A session that is read, not spoken into.
 * @param {Session} session
 * @returns {Status}
 */
export function readStatus({ state, kind, attached, error, spans, transcribedMs, audioMs }) {
  const [tone, word] = STATES[state];
  if (error !== null) return { tone: 'bad', headline: word, detail: `${capital(error.detail ?? error.code)}.` };
  if (isOver(state)) return { tone, headline: word, detail: `${clock(audioMs ?? transcribedMs)} of speech.` };
  if (kind === 'file') {
    const detail =
      spans === null ? '' : `${spans.done} of ${spans.total} ${spans.total === 1 ? 'piece' : 'pieces'} done.`;
    return { tone, headline: word, detail };
  }
  if (attached) return { tone, headline: 'Being spoken', detail: 'In another window, or by another program.' };
  return { tone: 'quiet', headline: 'Paused', detail: 'Nobody speaks into it: go on, or finish it.' };
}

/** @param {Session['state']} state */
export const isOver = (state) => ['completed', 'stopped', 'cancelled', 'failed'].includes(state);

/** @param {string} text */
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1).replace(/\.$/, '');

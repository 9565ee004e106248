import type { Snapshot } from '../../../gateway/page/live-session.js';
import { ago, clock, liveStatus, readStatus, storedWords } from '../../../gateway/page/words.js';
import type { Session } from '../../../gateway/rest/shown-session.ts';

const connected: Snapshot = {
  id: 'call',
  link: 'connected',
  why: '',
  pauseMs: 0,
  queue: null,
  isServed: true,
  isEnding: false,
  outcome: null,
  storedMs: 12_300,
  unsavedMs: 0,
};
const file: Session = {
  id: 'talk',
  kind: 'file',
  state: 'streaming',
  model: 'en',
  language: 'en',
  priority: 'normal',
  labels: [],
  attached: false,
  lease: null,
  epoch: 0,
  segments: 0,
  transcribedMs: 0,
  audioMs: 90_000,
  progress: 0.5,
  estimatedRemainingMs: null,
  estimatedEndAt: null,
  channels: 1,
  spans: { done: 1, total: 2 },
  error: null,
};

test('says what is going on in plain words', () => {
  const headline = (snapshot: Partial<Snapshot>): string => liveStatus({ ...connected, ...snapshot }).headline;
  expect(headline({})).toBe('Connected');
  expect(headline({ link: 'connecting' })).toBe('Connecting');
  expect(headline({ queue: { position: 3, estimatedWaitMs: 20_400 } })).toBe('Waiting (place 3, about 20 s)');
  expect(headline({ queue: { position: null, estimatedWaitMs: null } })).toBe('Waiting');
  expect(headline({ link: 'broken', why: 'the connection broke', pauseMs: 2000 })).toBe('Reconnecting');
  expect(headline({ isEnding: true })).toBe('Finishing');
  expect(headline({ outcome: { kind: 'superseded' } })).toBe('Taken over');
});

test('a broken connection says why, that speech is kept, and when it is tried again', () => {
  const { detail, tone } = liveStatus({ ...connected, link: 'broken', why: 'the connection broke', pauseMs: 2000 });
  expect(detail).toBe('The connection broke. What you say is kept here; next attempt in 2 s.');
  expect(tone).toBe('bad');
});

test('speech that was not saved is told at the end too', () => {
  const outcome = { kind: 'done', state: 'completed', audioMs: 65_000 } as const;
  expect(liveStatus({ ...connected, outcome })).toEqual({
    tone: 'quiet',
    headline: 'Done',
    detail: '01:05.0 of speech, transcribed and stored.',
  });
  expect(liveStatus({ ...connected, outcome, unsavedMs: 4200 })).toMatchObject({
    tone: 'bad',
    detail: '01:05.0 of speech, transcribed and stored. 4.2 s of speech could not be sent any more.',
  });
});

test('says what is stored, and what is not yet', () => {
  expect(storedWords(connected)).toBe('Stored up to 00:12.3');
  expect(storedWords({ storedMs: 3_723_400, unsavedMs: 400 })).toBe('Stored up to 1:02:03.4, 0.4 s unsaved');
});

test('a file says how far it is; a failure says why', () => {
  expect(readStatus(file)).toEqual({ tone: 'good', headline: 'Transcribing', detail: '1 of 2 pieces done.' });
  expect(readStatus({ ...file, state: 'completed' })).toMatchObject({ headline: 'Done', detail: '01:30.0 of speech.' });
  const error = { code: 'unsupported_audio', detail: 'the file holds no audio' };
  expect(readStatus({ ...file, state: 'failed', error })).toEqual({
    tone: 'bad',
    headline: 'Failed',
    detail: 'The file holds no audio.',
  });
});

test('a live session that is read says whether somebody speaks into it', () => {
  const live: Session = { ...file, kind: 'live', spans: null };
  expect(readStatus({ ...live, attached: true }).headline).toBe('Being spoken');
  expect(readStatus({ ...live, attached: false }).headline).toBe('Paused');
});

test('times', () => {
  expect([0, 99, 12_340, 3_600_000].map(clock)).toEqual(['00:00.0', '00:00.0', '00:12.3', '1:00:00.0']);
  const start = '2026-03-01T12:00:00.000Z';
  const after = (seconds: number): string => ago(start, Date.parse(start) + seconds * 1000);
  expect([0, 59, 60, 7200, 200_000].map(after)).toEqual(['just now', 'just now', '1 min ago', '2 h ago', '2 d ago']);
});

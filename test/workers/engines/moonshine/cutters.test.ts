import fc from 'fast-check';
import { type Cut, type Cutter, MAX_SAMPLES, PADDING } from '../../../../workers/engines/moonshine/cutter.ts';
import { FileCutter } from '../../../../workers/engines/moonshine/file-cutter.ts';
import { LiveCutter } from '../../../../workers/engines/moonshine/live-cutter.ts';
import { WINDOW } from '../../../../workers/engines/moonshine/voice.ts';

const ORIGIN = 1600;
const SECOND = 16_000;

/** The cutters look for the quietest place only within bounds: these tests put it anywhere in there. */
const quietestAt =
  (share: number) =>
  (from: number, to: number): number =>
    Math.floor(from + 320 + (to - from - 640) * share);

interface Heard {
  readonly cuts: Cut[];
  /** After each window. */
  readonly settled: number[];
  /** Numbers of the windows after which a final was handed out. */
  readonly finalsAt: number[];
  /** Ends of the windows with speech in them. */
  readonly voiced: number[];
  readonly end: number;
}

/** Speech and silence by turns, in windows, and then the end. */
function hear(cutter: Cutter, turns: readonly number[]): Heard {
  const heard = {
    cuts: [] as Cut[],
    settled: [] as number[],
    finalsAt: [] as number[],
    voiced: [] as number[],
    end: ORIGIN,
  };
  const note = (cut: Cut | null): void => {
    if (cut !== null) heard.cuts.push(cut);
    if (cut?.kind === 'final') heard.finalsAt.push(heard.settled.length);
    heard.settled.push(cutter.settled);
  };
  turns.forEach((windows, turn) => {
    for (let i = 0; i < windows; i++) {
      heard.end += WINDOW;
      if (turn % 2 === 1) heard.voiced.push(heard.end);
      note(cutter.window(heard.end, turn % 2 === 1));
    }
  });
  note(cutter.flush(heard.end));
  return heard;
}

const finalsOf = ({ cuts }: Heard): Cut[] => cuts.filter(({ kind }) => kind === 'final');

/** Up to 13 s each: longer than the longest window. */
const turns = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 400 })), { maxLength: 12 });

describe.each([
  ['live', (share: number): Cutter => new LiveCutter(ORIGIN, quietestAt(share))],
  ['file', (share: number): Cutter => new FileCutter(ORIGIN, quietestAt(share))],
])('%s cutter, whatever is said', (_, open) => {
  const always = (check: (heard: Heard) => void): void =>
    fc.assert(
      fc.property(turns, fc.double({ min: 0, max: 1, noNaN: true }), (said, share) => check(hear(open(share), said))),
    );

  test('finals go forward without overlap, within the audio', () => {
    always((heard) => {
      let before = ORIGIN;
      for (const { from, to } of finalsOf(heard)) {
        expect(from).toBeGreaterThanOrEqual(before);
        expect(to).toBeGreaterThan(from);
        before = to;
      }
      expect(before).toBeLessThanOrEqual(heard.end);
    });
  });

  test('no stretch is longer than the model takes, padding included', () => {
    always(({ cuts }) => {
      for (const { from, to } of cuts) expect(to - from + PADDING).toBeLessThanOrEqual(148_160);
    });
  });

  test('all speech is in some final', () => {
    always((heard) => {
      const finals = finalsOf(heard);
      // The VAD says `voiced` until 100 ms after the end of speech.
      const lost = heard.voiced.filter((end) => !finals.some(({ from, to }) => from < end && end - 1600 - WINDOW < to));
      expect(lost).toEqual([]);
    });
  });

  test('what is settled never goes back, nor past the start of a final to come', () => {
    always(({ settled, cuts, finalsAt }) => {
      expect([...settled].sort((a, b) => a - b)).toEqual(settled);
      const starts = cuts.filter(({ kind }) => kind === 'final').map(({ from }) => from);
      starts.forEach((from, index) => expect(settled[(finalsAt[index] ?? 0) - 1] ?? 0).toBeLessThanOrEqual(from));
    });
  });
});

const windows = (seconds: number): number => Math.round((seconds * SECOND) / WINDOW);

describe('live', () => {
  const live = (said: readonly number[]): Heard => hear(new LiveCutter(ORIGIN, quietestAt(0.5)), said.map(windows));

  test('partials come each half second of speech, a speculation in the pause, and the same stretch as the final', () => {
    const { cuts } = live([1, 2, 1]);
    expect(cuts.map(({ kind }) => kind)).toEqual(['partial', 'partial', 'partial', 'partial', 'speculation', 'final']);
    expect({ ...cuts[4], kind: 'final' }).toEqual(cuts[5]);
  });

  test('a speculation is void when more is said', () => {
    const cuts = live([1, 1, 0.2, 1, 1]).cuts.filter(({ kind }) => kind !== 'partial');
    expect(cuts.map(({ kind }) => kind)).toEqual(['speculation', 'speculation', 'final']);
    expect(cuts[0]?.to).toBeLessThan(cuts[2]?.to ?? 0);
  });

  test('the final is handed out 500 ms after the end of speech', () => {
    const cutter = new LiveCutter(0, quietestAt(0.5));
    // The VAD goes on saying `voiced` for 100 ms.
    const endOfSpeech = 100 * WINDOW - 1600;
    let end = 0;
    for (let i = 0; i < 100; i++) cutter.window((end += WINDOW), true);
    for (let cut: Cut | null = null; cut?.kind !== 'final';) cut = cutter.window((end += WINDOW), false);
    expect(end - endOfSpeech).toBeGreaterThanOrEqual(8000);
    expect(end - endOfSpeech).toBeLessThan(8000 + WINDOW);
  });

  test('the end of the audio makes a final of what was said', () => {
    const heard = live([1, 1]);
    expect(finalsOf(heard)).toHaveLength(1);
    expect(finalsOf(heard)[0]?.to).toBe(heard.end);
  });
});

describe('file', () => {
  const file = (said: readonly number[]): Heard => hear(new FileCutter(ORIGIN, quietestAt(0.5)), said.map(windows));

  test('only finals come', () => {
    expect(file([1, 3, 1, 3, 4]).cuts.map(({ kind }) => kind)).toEqual(['final']);
  });

  test('short pieces are packed together as long as the window takes them', () => {
    const finals = finalsOf(file([0.5, 2, 0.5, 2, 0.5, 2, 0.5, 2, 0.5, 2, 1]));
    expect(finals.map(({ from, to }) => Math.round((to - from) / SECOND))).toEqual([7, 5]);
  });

  test('long silence is not packed', () => {
    expect(finalsOf(file([1, 1, 2.5, 1, 1]))).toHaveLength(2);
  });

  test('speech without a pause is cut where it is quietest in the last part of the window', () => {
    const [first, second] = finalsOf(file([1, 12, 1]));
    expect((first?.to ?? 0) - (first?.from ?? 0)).toBeGreaterThan(MAX_SAMPLES * 0.6);
    expect(second?.from).toBe(first?.to);
  });
});

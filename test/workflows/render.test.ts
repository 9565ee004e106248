import fc from 'fast-check';
import type { Segment } from '../../workflows/contract.ts';
import { render } from '../../workflows/render.ts';
import type { Renderable } from '../../workflows/render.ts';

function segment(text: string, startMs = 0, endMs = 2000, words: Segment['words'] = []): Segment {
  return { index: 0, startMs, endMs, text, words, timing: 'model', channel: 0, startByte: 0, endByte: 0 };
}

const document = (...segments: Segment[]): Renderable => ({
  id: 'call-17',
  tenant: 'default',
  model: 'en',
  language: 'en',
  state: 'completed',
  audioMs: 4000,
  text: segments.map(({ text }) => text).join(' '),
  segments,
});

test('txt has one line for each segment', () => {
  const given = document(segment('And so my\nfellow Americans'), segment(' ask not '));
  expect(render(given, 'txt')).toBe('And so my fellow Americans\nask not\n');
  expect(render(document(), 'txt')).toBe('');
});

test('json is the document', () => {
  const given = document(segment('Zoë said "hi" \u{1f600}'));
  expect(JSON.parse(render(given, 'json'))).toEqual(given);
});

test('srt counts from one, with a comma before the milliseconds', () => {
  const given = document(segment('ask not', 0, 1500), segment('what your country', 3_661_042, 3_662_000));
  expect(render(given, 'srt')).toBe(
    '1\n00:00:00,000 --> 00:00:01,500\nask not\n\n2\n01:01:01,042 --> 01:01:02,000\nwhat your country\n',
  );
});

test('vtt escapes what it would read as markup', () => {
  expect(render(document(segment('a <b> & c --> d', 100.4, 1500)), 'vtt')).toBe(
    'WEBVTT\n\n00:00:00.100 --> 00:00:01.500\na &lt;b&gt; &amp; c --&gt; d\n',
  );
  expect(render(document(), 'vtt')).toBe('WEBVTT\n');
});

test('srt, which has no escapes, keeps text from reading as a time line', () => {
  expect(render(document(segment('a --> b')), 'srt')).toContain('\na → b\n');
});

test('a session of more than 99 hours has its hours in full', () => {
  expect(render(document(segment('late', 400_000_000, 400_001_000)), 'vtt')).toContain(
    '111:06:40.000 --> 111:06:41.000',
  );
});

test('a long segment becomes cues of at most two lines of 42 characters, from their words to the next', () => {
  const texts = 'ask not what your country can do for you ask what you can do for your country'.split(' ');
  const twice = [...texts, ...texts];
  const words = twice.map((text, index) => ({ text, startMs: index * 200, endMs: index * 200 + 150 }));
  const cues = render(document(segment(twice.join(' '), 0, 7000, words)), 'srt')
    .trimEnd()
    .split('\n\n');
  expect(cues).toEqual([
    '1\n00:00:00,000 --> 00:00:03,600\nask not what your country can do for you\nask what you can do for your country ask',
    '2\n00:00:03,600 --> 00:00:07,200\nnot what your country can do for you ask\nwhat you can do for your country',
  ]);
});

test('a cue stands for at most seven seconds', () => {
  const words = ['slow', 'speech', 'indeed'].map((text, at) => ({ text, startMs: at * 5000, endMs: at * 5000 + 1000 }));
  const srt = render(document(segment('slow speech indeed', 0, 12_000, words)), 'srt');
  expect(srt).toContain('00:00:00,000 --> 00:00:06,000\nslow speech\n');
  expect(srt).toContain('00:00:10,000 --> 00:00:11,000\nindeed\n');
});

test('writing without spaces is cut at a line, never inside a character', () => {
  const lines = render(document(segment('\u{20bb7}'.repeat(100), 0, 5000)), 'txt');
  expect(lines).toBe(`${'\u{20bb7}'.repeat(100)}\n`);
  const srt = render(document(segment('\u{20bb7}'.repeat(100), 0, 5000)), 'srt');
  expect(srt.replace(/[^\u{20bb7}]/gu, '')).toBe('\u{20bb7}'.repeat(100));
  expect(srt.isWellFormed()).toBe(true);
});

test('a cue ends where a sentence ends, else a clause, rather than in the middle of one', () => {
  const text =
    'We choose to go to the moon in this decade. Not because it is easy, but because it is hard, because that goal will serve to organise us.';
  const bodies = render(document(segment(text, 0, 12_000)), 'srt')
    .trimEnd()
    .split('\n\n')
    .map((cue) => cue.split('\n').slice(2).join(' '));
  expect(bodies).toEqual([
    'We choose to go to the moon in this decade.',
    'Not because it is easy, but because it is hard,',
    'because that goal will serve to organise us.',
  ]);
});

test('a cue that would be gone before it is read stays, until the next one of its channel', () => {
  const shown = render(document(segment('yes', 1000, 1100), segment('no', 1500, 1600)), 'srt');
  expect(shown).toContain('00:00:01,000 --> 00:00:01,500\nyes\n');
  expect(shown).toContain('00:00:01,500 --> 00:00:02,333\nno\n');
  const fast = 'forty letters in a tenth of a second, no';
  expect(render(document(segment(fast, 0, 100)), 'srt')).toContain('00:00:00,000 --> 00:00:02,000\n');
});

test('cues of two channels are in order of time, and vtt says whose voice each is', () => {
  const [caller, agent] = [segment('hello there', 2000, 4000), { ...segment('good day', 0, 3000), channel: 1 }];
  expect(render(document(caller, agent), 'vtt')).toBe(
    'WEBVTT\n\n00:00:00.000 --> 00:00:03.000\n<v Channel 1>good day\n\n00:00:02.000 --> 00:00:04.000\n<v Channel 0>hello there\n',
  );
});

test('tsv has whisper’s three columns in milliseconds, and no cell breaks its row', () => {
  const given = document(segment('ask\tnot\nwhat', 0.4, 1500.6), segment(' your country ', 2000, 3000));
  expect(render(given, 'tsv')).toBe('start\tend\ttext\n0\t1501\task not what\n2000\t3000\tyour country\n');
  expect(render(document(), 'tsv')).toBe('start\tend\ttext\n');
});

test.each(['=cmd|"/c calc"!A1', '+1', '-1', '@SUM(A1)', '＝1', ' \t=1'])(
  'a text that a spreadsheet would run as a formula is text in tsv: %j',
  (text) => {
    expect(render(document(segment(text)), 'tsv').split('\n')[1]).toMatch(/^0\t2000\t'[=+\-@＝]/u);
  },
);

test('verbose_json has OpenAI’s fields in seconds, and null where the model gives no figure', () => {
  const words = [
    { text: 'ask', startMs: 1000, endMs: 1200 },
    { text: 'not', startMs: 1200, endMs: 1500.4, confidence: 0.9 },
  ];
  const given = document(segment('ask not', 1000, 1500, words), segment('what', 2000, 2500));
  const shown = JSON.parse(render(given, 'verbose_json')) as { segments: object[] };
  expect(shown).toMatchObject({ task: 'transcribe', language: 'en', duration: 4, text: 'ask not what' });
  expect(shown.segments).toMatchObject([
    { id: 0, start: 1, end: 1.5, text: 'ask not', channel: 0, timing: 'model' },
    { id: 1, start: 2, end: 2.5, text: 'what' },
  ]);
  for (const field of ['seek', 'tokens', 'temperature', 'avg_logprob', 'compression_ratio', 'no_speech_prob']) {
    expect(shown.segments[0]).toHaveProperty(field, null);
  }
  expect(shown).toHaveProperty('words', [
    { word: 'ask', start: 1, end: 1.2, channel: 0 },
    { word: 'not', start: 1.2, end: 1.5, channel: 0 },
  ]);
});

const anyText = fc.string({ unit: 'grapheme', maxLength: 300 });

test('whatever the text, cues are well formed, in order, and lose no letter', () => {
  const time = '\\d{2,}:\\d\\d:\\d\\d';
  const cue = new RegExp(`^(${time}\\.\\d{3}) --> (${time}\\.\\d{3})\\n([^\\n]+(\\n[^\\n]+)?)$`, 'u');
  fc.assert(
    fc.property(fc.array(fc.tuple(anyText, fc.nat(20_000)), { maxLength: 5 }), (given) => {
      let startMs = 0;
      const segments = given.map(([text, lengthMs]) => segment(text, startMs, (startMs += lengthMs)));
      const [head, ...cues] = render(document(...segments), 'vtt').split(/\n\n/);
      expect(head?.trimEnd()).toBe('WEBVTT');
      let shown = '';
      let lastStart = '';
      for (const text of cues) {
        const match = cue.exec(text.replace(/\n$/, ''));
        if (match === null) throw new Error(`not a cue: ${JSON.stringify(text)}`);
        const [, start = '', end = '', body = ''] = match;
        expect(start < end && lastStart <= start).toBe(true);
        lastStart = start;
        shown += body;
      }
      const letters = (text: string): string => text.replace(/\s/g, '');
      const unescaped = shown.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
      expect(letters(unescaped)).toBe(letters(segments.map(({ text }) => text).join('')));
    }),
  );
});

test('where channels were transcribed apart, each line says whose it is', () => {
  const given = document(segment('hello', 0, 900), { ...segment('good day', 1000, 1900), index: 1, channel: 1 });
  expect(render(given, 'txt')).toBe('[Channel 0] hello\n[Channel 1] good day\n');
  expect(render(given, 'srt')).toMatch(/^1\n.*\n\[Channel 0\] hello\n\n2\n.*\n\[Channel 1\] good day\n$/);
  expect(render(given, 'vtt')).toMatch(/\n<v Channel 0>hello\n.*\n<v Channel 1>good day\n$/s);
});

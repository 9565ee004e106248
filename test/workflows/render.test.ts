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
  expect(render(document(segment('late', 400_000_000, 400_000_500)), 'vtt')).toContain(
    '111:06:40.000 --> 111:06:40.500',
  );
});

test('a long segment becomes cues of at most two lines of 42 characters, at the times of their words', () => {
  const texts = 'ask not what your country can do for you ask what you can do for your country'.split(' ');
  const twice = [...texts, ...texts];
  const words = twice.map((text, index) => ({ text, startMs: index * 200, endMs: index * 200 + 150 }));
  const cues = render(document(segment(twice.join(' '), 0, 7000, words)), 'srt')
    .trimEnd()
    .split('\n\n');
  expect(cues).toEqual([
    '1\n00:00:00,000 --> 00:00:03,550\nask not what your country can do for you\nask what you can do for your country ask',
    '2\n00:00:03,600 --> 00:00:06,750\nnot what your country can do for you ask\nwhat you can do for your country',
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

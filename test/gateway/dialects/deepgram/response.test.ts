/** A finished transcript in Deepgram's form. */
import { readParameters } from '../../../../gateway/dialects/deepgram/parameters.ts';
import { listenOptions, listenResponse } from '../../../../gateway/dialects/deepgram/response.ts';
import type { Segment } from '../../../../workflows/contract.ts';

const facts = { requestId: 'r', sha256: 'ab', created: '2026-11-28T00:00:00.000Z' };

/** Words of 400 ms each, one every 500 ms. */
function segment(index: number, startMs: number, text: string, more: Partial<Segment> = {}): Segment {
  const words = text.split(' ').map((word, i) => {
    return { text: word, startMs: startMs + i * 500, endMs: startMs + i * 500 + 400 };
  });
  const endMs = words.at(-1)?.endMs ?? startMs;
  const bytes = { startByte: startMs * 32, endByte: endMs * 32 };
  return { index, startMs, endMs, text, words, timing: 'model', channel: 0, ...bytes, ...more };
}

function answer(query: string, segments: Segment[], channels = 1, holes?: { startMs: number; endMs: number }[]) {
  const options = listenOptions(readParameters(new URLSearchParams(query), 'file'), []);
  const document = { segments, audioMs: 60_000, model: 'en', channels, ...(holes === undefined ? {} : { holes }) };
  return listenResponse(document, facts, options);
}

test('words in seconds, bare without punctuate; confidence is the words’ own or null', () => {
  const [plain] = answer('', [segment(0, 0, 'Hello, you.')]).results.channels[0]?.alternatives ?? [];
  expect(plain).toEqual({
    transcript: 'hello you',
    confidence: null,
    words: [
      { word: 'hello', start: 0, end: 0.4, confidence: null },
      { word: 'you', start: 0.5, end: 0.9, confidence: null },
    ],
  });
  const sure = segment(0, 0, 'Hello, you.');
  const words = sure.words.map((word, i) => ({ ...word, confidence: 0.5 + i / 4 }));
  const [punctuated] = answer('punctuate=true', [{ ...sure, words }]).results.channels[0]?.alternatives ?? [];
  expect(punctuated).toMatchObject({
    transcript: 'Hello, you.',
    confidence: 0.625,
    words: [{ word: 'hello', punctuated_word: 'Hello,' }, { punctuated_word: 'you.' }],
  });
});

test('metadata: what was asked for is given back, and what has no text is said', () => {
  const { metadata } = answer('tag=a&tag=b&extra=ticket:4:2&extra=flag', [], 1, [{ startMs: 1000, endMs: 2500 }]);
  const [uuid = ''] = metadata.models;
  expect(metadata).toEqual({
    transaction_key: 'deprecated',
    request_id: 'r',
    sha256: 'ab',
    created: facts.created,
    duration: 60,
    channels: 1,
    models: [expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)],
    model_info: { [uuid]: { name: 'en', version: 'unknown', arch: 'unknown' } },
    tags: ['a', 'b'],
    extra: { ticket: '4:2', flag: '' },
    warnings: [{ parameter: 'audio', type: 'incomplete', message: 'no text could be made of 1 to 2.5 s' }],
  });
});

test('each channel has its own words; what was repaired stands where it was said', () => {
  const segments = [
    segment(0, 5000, 'late'),
    segment(1, 0, 'other', { channel: 1 }),
    segment(2, 1000, 'early', { revision: 1 }),
  ];
  const { channels } = answer('', segments, 2).results;
  expect(channels.map(({ alternatives: [only] }) => only?.transcript)).toEqual(['early late', 'other']);
});

test('utterances: cut at a pause of utt_split, over the channels in the order of time', () => {
  const segments = [segment(0, 0, 'one two'), segment(1, 1600, 'three'), segment(2, 1000, 'four', { channel: 1 })];
  const of = (query: string) =>
    answer(query, segments, 2).results.utterances?.map(({ transcript, start, end, channel }) => [
      transcript,
      start,
      end,
      channel,
    ]);
  expect(of('')).toBeUndefined();
  expect(of('utterances=true')).toEqual([
    ['one two three', 0, 2, 0],
    ['four', 1, 1.4, 1],
  ]);
  expect(of('utterances=true&utt_split=0.7')).toEqual([
    ['one two', 0, 0.9, 0],
    ['four', 1, 1.4, 1],
    ['three', 1.6, 2, 0],
  ]);
  const ids = answer('utterances=true', segments, 2).results.utterances?.map(({ id }) => id) ?? [];
  expect(new Set(ids).size).toBe(2);
});

test('paragraphs: sentences, together up to five or a pause of 2 s', () => {
  const segments = [segment(0, 0, 'One two. Three.'), segment(1, 9000, 'A. B. C. D. E. F.')];
  const [only] = answer('paragraphs=true', segments).results.channels[0]?.alternatives ?? [];
  expect(only?.paragraphs?.transcript).toBe('\nOne two. Three.\n\nA. B. C. D. E.\n\nF.');
  expect(only?.paragraphs?.paragraphs.map(({ sentences, num_words: words }) => [sentences.length, words])).toEqual([
    [2, 3],
    [5, 5],
    [1, 1],
  ]);
  expect(only?.paragraphs?.paragraphs[0]).toMatchObject({
    start: 0,
    end: 1.4,
    sentences: [
      { text: 'One two.', start: 0, end: 0.9 },
      { text: 'Three.', start: 1, end: 1.4 },
    ],
  });
});

test('a model without words gives transcripts and utterances of whole segments, and no words', () => {
  const segments = [segment(0, 0, 'No words here.', { words: [] })];
  const { channels, utterances } = answer('utterances=true&smart_format=true', segments).results;
  expect(channels[0]?.alternatives[0]).toMatchObject({ transcript: 'No words here.', words: [], confidence: null });
  expect(utterances).toMatchObject([{ transcript: 'No words here.', words: [], start: 0 }]);
});

test('audio without speech has an empty transcript', () => {
  const { channels, utterances } = answer('utterances=true&paragraphs=true', []).results;
  expect(channels).toEqual([
    { alternatives: [{ transcript: '', confidence: null, words: [], paragraphs: { transcript: '', paragraphs: [] } }] },
  ]);
  expect(utterances).toEqual([]);
});

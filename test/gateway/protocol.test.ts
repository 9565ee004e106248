import fc from 'fast-check';
import { Failure } from '../../gateway/failures.ts';
import type { FailureType } from '../../gateway/failures.ts';
import {
  ENCODINGS,
  errorMessage,
  finalMessage,
  parseClientMessage,
  parseLiveRequest,
  SAMPLE_RATES,
} from '../../gateway/protocol.ts';
import { PRIORITIES } from '../../workflows/contract.ts';

const catalogue = {
  defaultModel: 'en',
  models: { en: { languages: ['en', 'en-GB'] }, call: { languages: ['de'] } },
};

const parse = (query: string) => parseLiveRequest(new URLSearchParams(query), catalogue);

/** The failure a query is refused with. */
function refusal(query: string): { type: FailureType; message: string } {
  try {
    parse(query);
  } catch (error) {
    if (error instanceof Failure) return { type: error.type, message: error.message };
    throw error;
  }
  throw new Error(`${query} is not refused`);
}

describe('the parameters of a live connection', () => {
  test('have defaults', () => {
    expect(parse('')).toEqual({
      model: 'en',
      language: 'en',
      priority: 'normal',
      session: null,
      index: 0,
      attempt: null,
      audio: { encoding: 's16le', sampleRate: 16_000, channels: 1 },
    });
  });

  test('are all read', () => {
    const all =
      'model=call&language=de&session=call-17&index=4&encoding=alaw&sample_rate=44100&channels=2&priority=high&client=phone&attempt=3';
    expect(parse(all)).toEqual({
      model: 'call',
      language: 'de',
      priority: 'high',
      session: 'call-17',
      index: 4,
      attempt: { client: 'phone', number: 3 },
      audio: { encoding: 'alaw', sampleRate: 44_100, channels: 2 },
    });
  });

  test('take every value that docs/protocol.md allows', () => {
    for (const rate of SAMPLE_RATES) expect(parse(`sample_rate=${rate}`).audio.sampleRate).toBe(rate);
    for (const encoding of ENCODINGS) expect(parse(`encoding=${encoding}`).audio.encoding).toBe(encoding);
    for (const priority of PRIORITIES) expect(parse(`priority=${priority}`).priority).toBe(priority);
    for (let n = 1; n <= 8; n += 1) expect(parse(`channels=${n}`).audio.channels).toBe(n);
  });

  test('of telephone encodings mean 8 kHz unless they say otherwise', () => {
    expect(parse('encoding=mulaw').audio.sampleRate).toBe(8000);
    expect(parse('encoding=alaw').audio.sampleRate).toBe(8000);
    expect(parse('encoding=mulaw&sample_rate=16000').audio.sampleRate).toBe(16_000);
  });

  test.each([
    ['encoding=opus', 'encoding', ['s16le', 'mulaw', 'alaw']],
    ['encoding=', 'encoding', ['s16le']],
    ['sample_rate=4000', 'sample_rate', ['8000', '48000']],
    ['sample_rate=(int)16000', 'sample_rate', ['number']],
    ['sample_rate=16000.5', 'sample_rate', ['number']],
    ['sample_rate=1e4', 'sample_rate', ['number']],
    ['channels=0', 'channels', ['1 to 8']],
    ['channels=9', 'channels', ['1 to 8']],
    ['channels=-1', 'channels', ['number']],
    ['index=-1', 'index', ['number']],
    ['index=9999999999999999', 'index', ['number']],
    ['index=', 'index', ['number']],
    ['priority=urgent', 'priority', ['high', 'normal', 'low']],
    ['session=', 'session', ['letters, digits']],
    ['session=a/b', 'session', ['letters, digits']],
    ['session=..', 'session', ['first a letter or digit']],
    ['session=%00', 'session', ['letters, digits']],
    [`session=${'a'.repeat(129)}`, 'session', ['at most 128']],
  ])('with a wrong value are refused, with what is allowed: %s', (query, name, allowed) => {
    const { type, message } = refusal(query);
    expect(type).toBe('invalid_parameter');
    expect(message.startsWith(`${name}: `)).toBe(true);
    for (const word of allowed) expect(message).toContain(word);
  });

  test.each(['modell=en', '__proto__=1', 'constructor=1', 'toString=1', 'hasOwnProperty=1', '=1', 'MODEL=en'])(
    'that do not exist are refused, with those that do: %s',
    (query) => {
      const { type, message } = refusal(query);
      expect(type).toBe('unknown_parameter');
      expect(message).toContain(JSON.stringify(query.split('=')[0]));
      for (const name of ['model', 'language', 'session', 'index', 'encoding', 'sample_rate', 'channels', 'priority']) {
        expect(message).toContain(name);
      }
      expect(({} as Record<string, unknown>)['1']).toBeUndefined();
    },
  );

  test.each(['model=en&model=en', 'session=a&index=1&session=b', '__proto__=1&__proto__=2'])(
    'given twice are refused: which one was meant is not guessed: %s',
    (query) => {
      expect(refusal(query)).toMatchObject({ type: 'invalid_parameter' });
      expect(refusal(query).message).toContain('more than once');
    },
  );

  test.each(['nope', '__proto__', 'constructor', '../../etc', ''])(
    'with the unknown model %j name those there are',
    (model) => {
      expect(refusal(`model=${encodeURIComponent(model)}`)).toEqual({
        type: 'unknown_model',
        message: `model ${JSON.stringify(model)}: one of en, call`,
      });
    },
  );

  test('with a language that the model does not know name those it knows', () => {
    expect(refusal('language=de')).toEqual({
      type: 'unknown_language',
      message: 'language "de": model en knows en, en-GB',
    });
    expect(refusal('language=').type).toBe('unknown_language');
  });

  test('are never echoed at length', () => {
    for (const name of ['model', 'language', 'session', 'encoding', 'x'.repeat(5000)]) {
      expect(refusal(`${name}=${'y'.repeat(5000)}`).message.length).toBeLessThan(400);
    }
  });

  test('of any kind are taken or refused with a failure, and nothing else happens', () => {
    const names = ['model', 'language', 'session', 'index', 'encoding', 'sample_rate', 'channels', 'priority'];
    const name = fc.oneof(fc.constantFrom(...names, '__proto__', 'constructor'), fc.string());
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.oneof(fc.string(), fc.nat().map(String))), { maxLength: 5 }), (pairs) => {
        try {
          parseLiveRequest(new URLSearchParams(pairs), catalogue);
        } catch (error) {
          expect(error).toBeInstanceOf(Failure);
        }
      }),
      { numRuns: 500, seed: 4 },
    );
  });
});

describe('a text message of a client', () => {
  const message = (text: string | Buffer) => parseClientMessage(Buffer.from(text as string));

  test.each(['finalize', 'keepalive', 'end'])('%s is taken', (type) => {
    expect(message(JSON.stringify({ type }))).toEqual({ type });
    expect(message(` {"type" : "${type}"}\n`)).toEqual({ type });
  });

  test.each([
    '',
    'end',
    'null',
    '[]',
    '"end"',
    '{}',
    '{"type":"eos"}',
    '{"type":["end"]}',
    '{"type":"end","more":1}',
    '{"type":"end","__proto__":{"type":"end"}}',
    '\uFEFF{"type":"end"}',
    '{"type":"end"',
    `{"type":"end"${' '.repeat(300)}}`,
    '['.repeat(250),
    '1e400',
  ])('%j is refused, with what is allowed', (text) => {
    expect(() => message(text)).toThrow(Failure);
    expect(() => message(text)).toThrow('{"type":"finalize"}, {"type":"keepalive"}, {"type":"end"}');
  });

  test('of a megabyte is refused without its being parsed or echoed', () => {
    expect(() => message('x'.repeat(1 << 20))).toThrow(/^.{0,250}$/s);
  });
});

test('a final says the stretch of audio it accounts for in milliseconds', () => {
  const segment = {
    index: 3,
    startMs: 10,
    endMs: 20,
    text: 'hello',
    words: [],
    timing: 'model',
    channel: 0,
    startByte: 320,
    endByte: 640,
  } as const;
  const message = finalMessage(segment);
  expect(message).toMatchObject({ type: 'final', index: 3, revision: 0, audioStartMs: 10, audioEndMs: 20 });
  expect(message).not.toHaveProperty('startByte');
  expect(finalMessage({ ...segment, revision: 1 })).toEqual({ ...message, revision: 1 });
});

test('an error message carries code, text and whether to try again', () => {
  expect(errorMessage(new Failure('shutting_down', 'later'))).toEqual({
    type: 'error',
    code: 'shutting_down',
    message: 'later',
    retryable: true,
  });
});

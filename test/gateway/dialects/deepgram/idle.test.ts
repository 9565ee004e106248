/** A Deepgram client that says nothing: closed after ten seconds, unless its silence is ours. */
import type { LiveDecodersPort } from '../../../../gateway/audio/container.ts';
import { deepgramDialect } from '../../../../gateway/dialects/deepgram/live.ts';
import type { Line } from '../../../../gateway/dialects/dialect.ts';

const { jest } = import.meta;
const REASON =
  'Deepgram did not receive audio data or a text message within the timeout window. See https://dpgr.am/net0001';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

interface NotedLine extends Line {
  isHeld: boolean;
}

/** A conversation over a line that only notes what is done with it. */
function begun() {
  const closed: [number, string][] = [];
  const line: NotedLine = {
    isHeld: false,
    open: () => undefined,
    join: () => line,
    audio: () => undefined,
    message: () => undefined,
    send: () => undefined,
    hold: () => undefined,
    fail: () => undefined,
    close: (code: number, reason: string) => {
      closed.push([code, reason]);
      conversation.gone?.();
    },
  };
  const catalogue = { defaultModel: 'en', models: { en: { languages: ['en'] } }, aliases: {} };
  const webhooks = { defaultUrl: null, isSigned: false, retryMs: [], keepMs: 0 };
  const decoders: LiveDecodersPort = {
    open: () => {
      throw new Error('nothing is decoded here');
    },
  };
  const query = new URLSearchParams('encoding=linear16&sample_rate=16000');
  const conversation = deepgramDialect({ settings: { catalogue, webhooks }, decoders })
    .meet({ path: '/v1/listen', query, headers: {}, protocols: [] })
    .converse(line);
  conversation.begin();
  return { line, conversation, closed };
}

test('after ten seconds without audio or a message the connection is closed with 1011 and Deepgram’s reason', () => {
  const { closed } = begun();
  jest.advanceTimersByTime(9900);
  expect(closed).toEqual([]);
  jest.advanceTimersByTime(1100);
  expect(closed[0]).toEqual([1011, REASON]);
  expect(Buffer.byteLength(REASON)).toBeLessThanOrEqual(123);
});

test.each([
  ['KeepAlive', Buffer.from('{"type":"KeepAlive"}'), false],
  ['audio', Buffer.alloc(320), true],
])('%s keeps the connection', (_what, data, isBinary) => {
  const { conversation, closed } = begun();
  for (let i = 0; i < 5; i += 1) {
    jest.advanceTimersByTime(8000);
    conversation.hear(data, isBinary);
  }
  expect(closed).toEqual([]);
  jest.advanceTimersByTime(11_000);
  expect(closed).toHaveLength(1);
});

test('a client that is not read, or that has closed its stream and waits for the rest, is not silent', () => {
  const held = begun();
  held.line.isHeld = true;
  jest.advanceTimersByTime(60_000);
  expect(held.closed).toEqual([]);
  const closing = begun();
  closing.conversation.hear(Buffer.from('{"type":"CloseStream"}'), false);
  jest.advanceTimersByTime(60_000);
  expect(closing.closed).toEqual([]);
});

test('nothing of a connection that is gone runs on', () => {
  const { conversation } = begun();
  conversation.gone?.();
  expect(jest.getTimerCount()).toBe(0);
});

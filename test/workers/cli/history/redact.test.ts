/** What was said is not in a redacted recording, wherever it stood; everything else is. */
import { newRecording, readRecording, recordingText } from '../../../../workers/cli/history/recording.ts';
import type { HistoryEvent, Recording } from '../../../../workers/cli/history/recording.ts';
import { redacted } from '../../../../workers/cli/history/redact.ts';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const payload = (value: unknown) => ({
  metadata: { encoding: base64('json/plain') },
  data: base64(JSON.stringify(value)),
});
const segment = {
  index: 0,
  startMs: 0,
  text: 'Grüß Gott, 12!',
  words: [{ text: 'Grüß', startMs: 1 }, { text: 'Gott,' }],
};

const recordingOf = (...events: HistoryEvent[]): Recording =>
  newRecording({
    workflowId: 'session/t/s',
    incomplete: [],
    runs: [{ workflowId: 'session/t/s', runId: 'r', workflowType: 'session', events }],
  });

const valuesOf = (recording: Recording): unknown[] =>
  [...JSON.stringify(recording).matchAll(/"data":"([^"]*)"/g)].map(
    ([, data]) => JSON.parse(Buffer.from(data ?? '', 'base64').toString('utf8')) as unknown,
  );

test('texts and words are as long as they were, and gone', () => {
  const event = {
    eventId: '1',
    eventType: 'X',
    anywhere: { deep: [{ input: { payloads: [payload({ segments: [segment] })] } }] },
  };
  expect(valuesOf(redacted(recordingOf(event)))).toEqual([
    { segments: [{ ...segment, text: 'xxxx xxxxx xxx', words: [{ text: 'xxxx', startMs: 1 }, { text: 'xxxxx' }] }] },
  ]);
});

test('the name of a file is gone too, and nothing else of a value changes', () => {
  const value = { kind: 'file', fileName: 'mr smith.wav', ref: { tenant: 't', id: 's' }, detail: null, weight: 1.5 };
  const event = { eventId: '1', eventType: 'X', memo: { fields: { a: payload(value) } } };
  expect(valuesOf(redacted(recordingOf(event)))).toEqual([{ ...value, fileName: 'xx xxxxx.xxx'.replace('.', 'x') }]);
});

test('an address is gone: it may hold a key', () => {
  const value = { webhook: { url: 'https://h.example/?key=1', receiver: 'ab' }, sourceUrl: 'https://f.example/x' };
  const event = { eventId: '1', eventType: 'X', input: { payloads: [payload(value)] } };
  const text = JSON.stringify(valuesOf(redacted(recordingOf(event))));
  expect(text).not.toMatch(/example|key=/);
  expect(text).toContain('"receiver":"ab"');
});

test('a value that cannot be read is not passed on', () => {
  const event = {
    eventId: '1',
    eventType: 'X',
    result: { metadata: { encoding: base64('binary/encrypted') }, data: 'AA==' },
  };
  expect(() => redacted(recordingOf(event))).toThrow('a value of encoding binary/encrypted cannot be redacted');
});

test('an absent value stays absent, and the recording says that it is redacted', () => {
  const event = { eventId: '1', eventType: 'X', result: { metadata: { encoding: base64('binary/null') } } };
  const plain = recordingOf(event);
  expect(redacted(plain)).toEqual({ ...plain, isRedacted: true });
});

test('a recording is read as it was written, and another file is refused by name', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'longhand-recording-'));
  try {
    const recording = recordingOf({ eventId: '1', eventType: 'X', more: [1] }, { eventId: '2', eventType: 'Y' });
    const good = join(folder, 'good.json');
    await writeFile(good, recordingText(recording));
    expect(await readRecording(good)).toEqual(recording);
    const other = join(folder, 'other.json');
    await writeFile(other, '{"events":[]}');
    await expect(readRecording(other)).rejects.toThrow(`${other} is not a recording of \`longhand record\`: format:`);
    await writeFile(other, 'hello');
    await expect(readRecording(other)).rejects.toThrow(`${other} is not JSON`);
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** Partials, finals and commits in, items out. */
import { Turns } from '../../../../gateway/dialects/openai/realtime/turns.ts';
import type { TurnEvent } from '../../../../gateway/dialects/openai/realtime/turns.ts';

let told: TurnEvent[];
let turns: Turns;
beforeEach(() => {
  told = [];
  turns = new Turns((event) => told.push(event));
});

const final = (text: string, startMs: number, endMs: number) =>
  turns.final({ text, startMs, endMs, audioStartMs: startMs, audioEndMs: endMs });
const deltas = (): string[] =>
  told.flatMap((event) => (event.type.endsWith('.delta') ? [(event as { delta: string }).delta] : []));
const transcripts = (): string[] =>
  told.flatMap((event) => (event.type.endsWith('.completed') ? [(event as { transcript: string }).transcript] : []));
const types = (): string[] => told.map(({ type }) => type.replace(/^.*[._](?=\w+$)/, ''));

describe('where the recogniser hears the pauses', () => {
  test('a turn is started, heard in deltas, stopped, committed and completed, as one item', () => {
    turns.partial('fire', 120);
    turns.partial('fire at', 120);
    turns.partial('fire at the mill', 120);
    final('fire at the mill', 120, 1900);
    expect(types()).toEqual(['started', 'delta', 'delta', 'stopped', 'committed', 'delta', 'completed']);
    expect(new Set(told.map((event) => event.item_id)).size).toBe(1);
    expect(told[0]).toMatchObject({ audio_start_ms: 120 });
    expect(told[3]).toMatchObject({ audio_end_ms: 1900 });
    expect(told.at(-1)).toMatchObject({ usage: { type: 'duration', seconds: 1.78 } });
  });

  test('deltas are what two hypotheses agree on: joined they are the transcript', () => {
    for (const text of ['fire', 'fire hat', 'fire at the', 'fire at the mill', 'fire at the mill by'])
      turns.partial(text, 0);
    expect(deltas().join('')).toBe('fire at the mill');
    final('fire at the mill by the weir', 0, 2000);
    expect(deltas().join('')).toBe('fire at the mill by the weir');
  });

  test('a final that takes back what deltas have said counts, and no delta contradicts it', () => {
    turns.partial('fire hat', 0);
    turns.partial('fire hat', 0);
    final('fire at the mill', 0, 2000);
    expect(deltas()).toEqual(['fire hat']);
    expect(transcripts()).toEqual(['fire at the mill']);
  });

  test('items name the one before', () => {
    final('one', 0, 900);
    final('two', 1000, 1900);
    const committed = told.flatMap((event) => (event.type === 'input_audio_buffer.committed' ? [event] : []));
    expect(committed.map(({ previous_item_id }) => previous_item_id)).toEqual([null, committed[0]?.item_id]);
  });

  test('a client may commit in the middle of a turn: it is that item', () => {
    turns.partial('fire at', 0);
    turns.commit(1000);
    final('fire at', 0, 1000);
    final('the mill', 1100, 1900);
    expect(types()).toEqual(['started', 'stopped', 'committed', 'delta', 'completed', 'started', 'stopped', 'committed', 'delta', 'completed']); // prettier-ignore
    expect(transcripts()).toEqual(['fire at', 'the mill']);
  });
});

describe('where the client commits', () => {
  beforeEach(() => (turns.detects = false));

  test('nothing is told before it does, and then all that was said so far is one item', () => {
    turns.partial('fire', 0);
    final('fire at', 0, 900);
    expect(told).toEqual([]);
    turns.commit(2000);
    final('the mill', 1000, 2000);
    expect(types()).toEqual(['committed', 'delta', 'delta', 'completed']);
    expect(transcripts()).toEqual(['fire at the mill']);
    expect(told.at(-1)).toMatchObject({ usage: { seconds: 2 } });
  });

  test('an item in which nothing more is outstanding is complete without another final', () => {
    final('fire', 0, 500);
    turns.commit(3000);
    turns.heard(2000, 1500);
    turns.heard(3000, 1500);
    expect(transcripts()).toEqual([]);
    turns.heard(3000, 2500);
    expect(transcripts()).toEqual([]);
    turns.heard(3000, 2500);
    expect(transcripts()).toEqual(['fire']);
  });

  test('silence that is committed is an empty item', () => {
    turns.commit(1000);
    turns.heard(1000, 500);
    turns.heard(1000, 500);
    expect(transcripts()).toEqual(['']);
  });

  test('several commits that wait each get their own finals', () => {
    turns.commit(1000);
    turns.commit(2000);
    turns.commit(3000);
    final('one', 100, 1000);
    final('three', 2100, 3000);
    expect(transcripts()).toEqual(['one', 'three']);
    turns.heard(3000, 2900);
    turns.heard(3000, 2900);
    expect(transcripts()).toEqual(['one', 'three', '']);
  });

  test('what was cleared is not heard of again', () => {
    final('fire', 0, 500);
    turns.clear(1000);
    final('at', 600, 1000);
    turns.commit(2000);
    final('the mill', 1100, 2000);
    expect(transcripts()).toEqual(['the mill']);
  });

  test('at the end what is open is complete', () => {
    turns.commit(1000);
    final('fire', 0, 500);
    turns.end();
    expect(transcripts()).toEqual(['fire']);
  });
});

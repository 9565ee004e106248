import { Intake } from '../../../gateway/live/intake.ts';
import type { IntakeEvents } from '../../../gateway/live/intake.ts';
import { objectKeys } from '../../../workflows/contract.ts';
import type { AudioFormat } from '../../../workflows/contract.ts';
import { Edge } from '../../harness/edge.ts';

const ref = { tenant: 't', id: 's' };
const prefix = objectKeys.audio(ref);
const PLAIN: AudioFormat = { encoding: 's16le', sampleRate: 16_000, channels: 1 };
const CALL: AudioFormat = { encoding: 'mulaw', sampleRate: 8000, channels: 2 };

function setup(format = PLAIN, stored = { durableBytes: 0, sealed: false }) {
  const { gateway, backstage } = new Edge();
  const acks: number[] = [];
  const events: IntakeEvents = {
    changed: () => undefined,
    stored: (bytes) => acks.push(bytes),
    pressure: () => undefined,
    isCurrent: () => Promise.resolve(true),
    superseded: () => undefined,
  };
  return { intake: new Intake(gateway, ref, format, stored, events), log: backstage.audioLog, acks };
}

test('acknowledges, at the end, all that the client sent, in its own bytes', async () => {
  const { intake, log, acks } = setup(CALL);
  intake.accept(Buffer.alloc(1601, 0x55));
  await intake.flush();
  expect(acks.at(-1)).toBeLessThan(1601);
  // 800 frames of two channels at 8 kHz are 1600 samples at 16 kHz; the odd byte is half a frame.
  expect(await intake.finish()).toBe(3200);
  expect(acks.at(-1)).toBe(1601);
  expect(acks).toEqual([...acks].sort((a, b) => a - b));
  expect(await log.extent(prefix)).toEqual({ durableBytes: 3200, sealed: true });
});

test('takes nothing after its end, and ends once', async () => {
  const { intake, log } = setup();
  intake.accept(Buffer.alloc(100));
  const ends = [intake.finish(), intake.finish()];
  intake.accept(Buffer.alloc(50));
  expect(await Promise.all(ends)).toEqual([100, 100]);
  intake.accept(Buffer.alloc(50));
  await intake.flush();
  expect(intake.buffer.end).toBe(100);
  expect((await log.extent(prefix)).durableBytes).toBe(100);
});

test('of a sealed log takes nothing, and knows its end', async () => {
  const { intake } = setup(CALL, { durableBytes: 3200, sealed: true });
  intake.accept(Buffer.alloc(100));
  expect(intake.endByte).toBe(3200);
  expect(intake.buffer.end).toBe(3200);
  expect(await intake.finish()).toBe(3200);
});

test('does not seal what another connection has gone past', async () => {
  const { intake, log } = setup();
  await log.append(prefix, 0, Buffer.alloc(60));
  await expect(intake.finish()).rejects.toMatchObject({ type: 'superseded' });
  expect((await log.extent(prefix)).sealed).toBe(false);
});

test('a seal whose answer was lost stands', async () => {
  const { intake, log } = setup();
  await log.append(prefix, 0, Buffer.alloc(60));
  await log.seal(prefix, 60);
  const second = setup(PLAIN, { durableBytes: 60, sealed: false });
  expect(intake.standsAt(60)).toBe(false);
  expect(second.intake.standsAt(60)).toBe(true);
  await second.log.append(prefix, 0, Buffer.alloc(60));
  await second.log.seal(prefix, 60);
  expect(await second.intake.finish()).toBe(60);
});

test('a new connection starts its sample afresh: half a sample of the last one is not shifted into it', async () => {
  const { intake, log } = setup();
  intake.accept(Buffer.from([1, 2, 3]));
  await intake.flush();
  expect(intake.resume()).toBe(2);
  intake.accept(Buffer.from([3, 4]));
  await intake.flush();
  const stored = Buffer.concat(await Array.fromAsync(log.read(prefix, 0)));
  expect([...stored]).toEqual([1, 2, 3, 4]);
});

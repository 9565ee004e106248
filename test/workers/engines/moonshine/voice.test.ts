import type { NativeVad } from '../../../../workers/engines/moonshine/sherpa.ts';
import { Voice } from '../../../../workers/engines/moonshine/voice.ts';

/** As sherpa's: after a reset it needs some windows to see speech, and it keeps the audio of unbroken speech. */
class FakeVad implements NativeVad {
  longestUnbroken = 0;
  pops = 0;
  private windows = 0;
  private kept = 0;

  acceptWaveform(): void {
    this.windows += 1;
    this.kept = 1;
    this.longestUnbroken = Math.max(this.longestUnbroken, this.windows);
  }
  isDetected(): boolean {
    return this.windows > 4;
  }
  isEmpty(): boolean {
    return this.kept === 0;
  }
  pop(): void {
    this.kept -= 1;
    this.pops += 1;
  }
  reset(): void {
    this.windows = 0;
  }
}

test('the VAD never holds more than 21 s of unbroken speech, and no gap shows where it starts afresh', () => {
  const vad = new FakeVad();
  const voice = new Voice(vad);
  const heard = Array.from({ length: 5000 }, () => voice.hears(new Float32Array(512)));
  expect(vad.longestUnbroken * 512).toBeLessThan(21 * 16_000);
  expect(heard.slice(4).every(Boolean)).toBe(true);
  expect(vad.pops).toBe(5000);
});

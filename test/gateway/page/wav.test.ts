import { wavParts } from '../../../gateway/page/wav.js';
import { readWav } from '../../../workers/start/wav.ts';

test('unsent speech can be saved as a WAV file that is what was said', () => {
  const wav = Buffer.concat(wavParts([Uint8Array.of(1, 2, 3, 4), Uint8Array.of(5, 6)]));
  const { sampleRate, channels, samples } = readWav(wav);
  expect({ sampleRate, channels, samples: [...samples] }).toEqual({
    sampleRate: 16_000,
    channels: 1,
    samples: [1, 2, 3, 4, 5, 6],
  });
});

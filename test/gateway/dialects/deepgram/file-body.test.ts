/** The body of a pre-recorded request on its way to storage. */
import { createHash } from 'node:crypto';
import { FileBody } from '../../../../gateway/dialects/deepgram/file-body.ts';

const raw = { encoding: 'linear16', sampleRate: 16_000, channels: 1 } as const;

async function* pieces(...texts: string[]): AsyncGenerator<Buffer> {
  for (const text of texts) {
    await Promise.resolve();
    yield Buffer.from(text, 'latin1');
  }
}

async function stored(...texts: string[]): Promise<string> {
  const body = new FileBody(pieces(...texts), raw);
  const bytes = Buffer.concat(await Array.fromAsync(body.stored()));
  expect(body.sha256()).toBe(createHash('sha256').update(texts.join(''), 'latin1').digest('hex'));
  return bytes.toString('latin1');
}

test('samples that come in many pieces have one header, and the sum is of what came', async () => {
  const whole = await stored('RI', 'VER', ' and so on', 'more');
  expect(whole.slice(0, 4)).toBe('RIFF');
  expect(whole.slice(44)).toBe('RIVER and so onmore');
});

test('a container is known by its first bytes, however they come', async () => {
  expect(await stored('R', 'IFF', '____WA', 'VEfmt ')).toBe('RIFF____WAVEfmt ');
  expect(await stored('Og', 'gS and so on')).toBe('OggS and so on');
});

test('a body of a byte or two is samples, and none is none', async () => {
  expect((await stored('R')).slice(44)).toBe('R');
  expect(await stored()).toBe('');
});

import { randomBytes } from 'node:crypto';
import { sniff } from '../../../gateway/audio/sniff.ts';
import { wav } from '../../harness/sound.ts';

const text = (bytes: string): Buffer => Buffer.from(bytes, 'latin1');

test.each([
  ['OggS', 'OggS\0\x02'],
  ['WebM', '\x1a\x45\xdf\xa3\x9f'],
  ['FLAC', 'fLaC\0\0'],
  ['MP3 with a title', 'ID3\x04\0'],
  ['MP4', '\0\0\0\x1cftypM4A '],
  ['AMR', '#!AMR\n'],
])('%s says what it is', (_, bytes) => {
  expect(sniff(text(bytes), false)).toBe('container');
});

test('WAV is told from other RIFF', () => {
  expect(sniff(wav(Buffer.alloc(2)), false)).toBe('wav');
  expect(sniff(text('RIFF\0\0\0\0'), false)).toBe('more');
  expect(sniff(text('RIFF\0\0\0\0AVI LIST'), false)).toBe('container');
});

test('a beginning that may still become a signature is waited for, until nothing follows', () => {
  expect(sniff(text('Og'), false)).toBe('more');
  expect(sniff(text('\0\0\0\x1cft'), false)).toBe('more');
  expect(sniff(text('Og'), true)).toBe('unknown');
  expect(sniff(text('Ogh!'.repeat(4)), false)).toBe('unknown');
});

test('frames of MP3 and of AAC are known by the frame that follows', () => {
  // MPEG-1 layer III, 128 kbit/s, 44.1 kHz: 417 bytes a frame. ADTS: 100 bytes.
  const mp3 = Buffer.concat([text('\xff\xfb\x90\0'), Buffer.alloc(413)]);
  const adts = Buffer.concat([text('\xff\xf1\x50\x80\x0c\x9f\xfc'), Buffer.alloc(93)]);
  for (const frame of [mp3, adts]) {
    expect(sniff(frame, false)).toBe('more');
    expect(sniff(Buffer.concat([frame, frame]), false)).toBe('container');
    expect(sniff(Buffer.concat([frame, Buffer.alloc(20)]), false)).toBe('unknown');
    expect(sniff(frame, true)).toBe('unknown');
  }
});

test('samples are not taken for a container, whatever they are', () => {
  for (const sample of [0, -1, 1, -2, 255, -1025]) {
    const samples = Buffer.alloc(4000);
    for (let at = 0; at < samples.length; at += 2) samples.writeInt16LE(sample, at);
    // -1025 is `ff fb`: also its own second frame is one.
    if (sample !== -1025) expect({ sample, is: sniff(samples, false) }).toEqual({ sample, is: 'unknown' });
  }
  for (let i = 0; i < 500; i += 1) {
    const noise = Buffer.concat([text('\xff\xfb'), randomBytes(4000)]);
    expect(['unknown', 'container']).toContain(sniff(noise, true));
  }
});

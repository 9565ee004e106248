import { readCaps } from '../../../../gateway/dialects/kaldi/caps.ts';
import { targetOf } from '../../../../gateway/protocol.ts';

const SAMPLES_16K = { kind: 'samples', audio: { encoding: 's16le', sampleRate: 16_000, channels: 1 } };
/** As the query of an address. */
const inQuery = (query: string): string => targetOf(`/?${query}`).query.get('content-type') ?? '';

test.each([
  [
    'client.py',
    'content-type=audio%2Fx-raw%2C+layout%3D%28string%29interleaved%2C+rate%3D%28int%2916000%2C+format%3D%28string%29S16LE%2C+channels%3D%28int%291',
  ],
  [
    'dictate.js',
    'content-type=audio/x-raw,+layout=(string)interleaved,+rate=(int)16000,+format=(string)S16LE,+channels=(int)1',
  ],
])('the caps as %s writes them are read', (_, query) => {
  expect(readCaps(inQuery(query))).toEqual(SAMPLES_16K);
});

test.each([
  ['audio/x-raw-int; rate=16000', SAMPLES_16K],
  ['audio/x-raw-int,rate=16000,width=16,depth=16,signed=true,endianness=1234,channels=1', SAMPLES_16K],
  ['audio/x-raw', SAMPLES_16K],
  ['audio/x-mulaw, rate=(int)8000', { kind: 'samples', audio: { encoding: 'mulaw', sampleRate: 8000, channels: 1 } }],
  [
    'audio/x-raw, format=(string)S24LE, rate=(int)48000, channels=(int)2',
    { kind: 'stream', format: { codec: 's24le', sampleRate: 48_000, channels: 2 }, bare: null },
  ],
  [
    'audio/x-raw, rate=(int)17000',
    { kind: 'stream', format: { codec: 's16le', sampleRate: 17_000, channels: 1 }, bare: null },
  ],
  [
    'audio/x-raw-float; rate=16000',
    { kind: 'stream', format: { codec: 'f32le', sampleRate: 16_000, channels: 1 }, bare: null },
  ],
  ['audio/ogg; codecs=opus', { kind: 'stream', format: null, bare: null }],
  ['video/webm', { kind: 'stream', format: null, bare: null }],
])('%s is understood', (caps, source) => {
  expect(readCaps(caps)).toEqual(source);
});

test('no content type means what the stream says of itself, else 16 kHz S16LE', () => {
  for (const caps of ['', inQuery('content-type='), 'application/x-www-form-urlencoded']) {
    expect(readCaps(caps)).toEqual({ kind: 'stream', format: null, bare: SAMPLES_16K.audio });
  }
});

test.each([
  ['audio/x-raw, rate=(int)abc', /rate "abc": a whole number from 1000 to 768000/],
  ['audio/x-raw, rate=(int)0', /rate "0"/],
  ['audio/x-raw, rate=int)16000', /a field is written name=\(type\)value/],
  ['audio/x-raw, rate=(int16000', /a field is written/],
  ['audio/x-raw, channels=(int)255', /channels "255": a whole number from 1 to 8/],
  ['audio/x-raw, format=(string)S3LE', /format "S3LE": one of S8/],
  ['audio/x-raw, format=(string)constructor', /format "constructor"/],
  ['audio/x-raw, layout=(string)planar', /interleaved only/],
  ['audio/x-raw, speed=(int)2', /"speed" is no field/],
  ['audio/x-raw, rate=(int)8000, rate=(int)16000', /given more than once/],
  [inQuery('content-type=%ZZ'), /"%ZZ" is no type of audio/],
  ['text/plain', /no type of audio/],
])('%s is refused, with what is allowed', (caps, message) => {
  expect(() => readCaps(caps)).toThrow(message);
});

/** The content type of kaldi-gstreamer-server's clients: GStreamer caps, as they are seen on the wire. Pure. */
import type { AudioFormat } from '../../../workflows/contract.ts';
import { DECODED } from '../../audio/container.ts';
import type { NamedCodec, StreamFormat } from '../../audio/container.ts';
import { Failure } from '../../failures.ts';
import { MAX_CHANNELS, SAMPLE_RATES, shown } from '../../protocol.ts';

/** How a client's audio is read. */
export type AudioSource =
  /** Samples that the session takes as they are. */
  | { readonly kind: 'samples'; readonly audio: AudioFormat }
  /** Through a decoder; `bare`: what a stream is that does not say what it is. */
  | { readonly kind: 'stream'; readonly format: StreamFormat; readonly bare: AudioFormat | null };

const RAW_TYPES = ['audio/x-raw', 'audio/x-raw-int', 'audio/x-raw-float'];
const COMPANDED: Readonly<Record<string, 'mulaw' | 'alaw'>> = { 'audio/x-mulaw': 'mulaw', 'audio/x-alaw': 'alaw' };
/** What programs say who do not say what it is: curl, forms, plain bytes. */
const SAYS_NOTHING = ['', 'application/x-www-form-urlencoded', 'application/octet-stream'];

/** GStreamer's names of sample formats. */
const FORMATS: Readonly<Record<string, NamedCodec>> = {
  S8: 's8',
  U8: 'u8',
  S16LE: 's16le',
  S16BE: 's16be',
  U16LE: 'u16le',
  U16BE: 'u16be',
  S24LE: 's24le',
  S24BE: 's24be',
  S32LE: 's32le',
  S32BE: 's32be',
  F32LE: 'f32le',
  F32BE: 'f32be',
  F64LE: 'f64le',
  F64BE: 'f64be',
};

/** Of GStreamer 0.10 (`audio/x-raw-int`), and what says nothing that must be known. */
const OLD_FIELDS = ['width', 'depth', 'signed', 'endianness'];
const FIELDS = ['rate', 'channels', 'format', 'layout', 'channel-mask', ...OLD_FIELDS];

/**
 * Reads a content type; none means what the stream says of itself, else 16 kHz mono S16LE.
 * @throws Failure `invalid_parameter` that names the field and what is allowed
 */
export function readCaps(contentType: string): AudioSource {
  const [first = '', ...rest] = contentType.split(/[,;]/).map((part) => part.trim());
  const type = first.toLowerCase();
  if (SAYS_NOTHING.includes(type)) return { kind: 'stream', format: null, bare: DECODED };
  if (RAW_TYPES.includes(type)) return rawOf(type, fieldsOf(rest));
  const companded = Object.hasOwn(COMPANDED, type) ? COMPANDED[type] : undefined;
  if (companded !== undefined) return samplesOf(companded, 8000, fieldsOf(rest));
  if (!/^(audio|video|application)\/[\w.+-]+$/.test(type)) {
    throw invalid(`${shown(first)} is no type of audio, such as audio/x-raw, audio/ogg or video/webm`);
  }
  return { kind: 'stream', format: null, bare: null };
}

type Fields = ReadonlyMap<string, string>;

function fieldsOf(parts: readonly string[]): Fields {
  const fields = new Map<string, string>();
  for (const part of parts.filter((one) => one !== '')) {
    const found = /^([\w-]+)\s*=\s*(?:\((?:int|string|boolean|bitmask|fraction)\)\s*)?"?([\w./-]+)"?$/.exec(part);
    if (found === null) throw invalid(`${shown(part)}: a field is written name=(type)value, such as rate=(int)16000`);
    const [, name = '', value = ''] = found;
    if (!FIELDS.includes(name)) throw invalid(`${shown(name)} is no field of raw audio: one of ${FIELDS.join(', ')}`);
    if (fields.has(name)) throw invalid(`${shown(name)}: given more than once`);
    fields.set(name, value);
  }
  return fields;
}

function rawOf(type: string, fields: Fields): AudioSource {
  const layout = fields.get('layout') ?? 'interleaved';
  if (layout !== 'interleaved') throw invalid(`layout ${shown(layout)}: interleaved only`);
  const format = fields.get('format') ?? oldFormat(type, fields);
  const codec = Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined;
  if (codec === undefined) throw invalid(`format ${shown(format)}: one of ${Object.keys(FORMATS).join(', ')}`);
  return samplesOf(codec, 16_000, fields);
}

/** Before 1.0 the format was told by four fields. */
function oldFormat(type: string, fields: Fields): string {
  const width = fields.get('width') ?? (type === 'audio/x-raw-float' ? '32' : '16');
  const depth = fields.get('depth') ?? width;
  if (depth !== width) throw invalid(`depth ${shown(depth)}: as width, ${width}`);
  const order = ['4321', 'BIG_ENDIAN'].includes(fields.get('endianness') ?? '1234') ? 'BE' : 'LE';
  const isUnsigned = /^(false|no|0)$/i.test(fields.get('signed') ?? 'true');
  const letter = type === 'audio/x-raw-float' ? 'F' : isUnsigned ? 'U' : 'S';
  return `${letter}${width}${width === '8' ? '' : order}`;
}

/** The session takes what it knows; anything else goes through the decoder. */
function samplesOf(codec: NamedCodec, usualRate: number, fields: Fields): AudioSource {
  const sampleRate = numberOf(fields, 'rate', usualRate, 1000, 768_000);
  const channels = numberOf(fields, 'channels', 1, 1, MAX_CHANNELS);
  const isKnown = SAMPLE_RATES.some((rate) => rate === sampleRate);
  if (isKnown && (codec === 's16le' || codec === 'mulaw' || codec === 'alaw')) {
    return { kind: 'samples', audio: { encoding: codec, sampleRate, channels } };
  }
  return { kind: 'stream', format: { codec, sampleRate, channels }, bare: null };
}

function numberOf(fields: Fields, name: string, usual: number, from: number, to: number): number {
  const given = fields.get(name);
  if (given === undefined) return usual;
  const value = /^\d{1,9}$/.test(given) ? Number(given) : NaN;
  if (value >= from && value <= to) return value;
  throw invalid(`${name} ${shown(given)}: a whole number from ${from} to ${to}`);
}

const invalid = (detail: string): Failure => new Failure('invalid_parameter', `content-type: ${detail}`);

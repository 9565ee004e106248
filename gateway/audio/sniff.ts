/** What a stream of audio is, by its first bytes. Pure. */

/**
 * `wav`: RIFF, which needs no decoder where its samples are plain. `container`: any other container or codec that says
 * what it is. `unknown`: nothing that is known, perhaps bare samples. `more`: not to be told yet.
 */
export type Sniffed = 'wav' | 'container' | 'unknown' | 'more';

interface Magic {
  readonly at: number;
  readonly bytes: string;
}

const magic = (bytes: string, at = 0): Magic => ({ at, bytes });

/** Signatures that no one takes for samples: each is four bytes of text, or as rare. */
const MAGICS: readonly Magic[] = [
  magic('OggS'),
  magic('\x1a\x45\xdf\xa3'), // EBML: Matroska, WebM
  magic('fLaC'),
  magic('ID3'),
  magic('ftyp', 4), // MP4 and its kin
  magic('#!AMR'),
  magic('FORM'),
  magic('.snd'),
  magic('caff'),
  magic('RF64'),
  magic('wvpk'),
  magic('MAC '),
  magic('TTA1'),
  magic('NIST_1A'),
  magic('Creative Voice'),
  magic('\x30\x26\xb2\x75'), // ASF
  magic('FLV\x01'),
];

/** @param isWhole nothing follows any more */
export function sniff(head: Buffer, isWhole: boolean): Sniffed {
  if (startsWith(head, magic('RIFF'))) {
    if (head.length < 12 && !isWhole) return 'more';
    return startsWith(head, magic('WAVE', 8)) ? 'wav' : 'container';
  }
  if (MAGICS.some((known) => startsWith(head, known))) return 'container';
  const mayBe = [...MAGICS, magic('RIFF')].some((known) => mayStillBe(head, known));
  if (!isWhole && mayBe) return 'more';
  const frame = frameBytes(head);
  if (frame === null) return 'unknown';
  // Samples look like a frame of MPEG audio by chance; two frames in a row do not happen.
  if (head.length < frame + 2) return isWhole ? 'unknown' : 'more';
  return isSync(head, frame) ? 'container' : 'unknown';
}

const startsWith = (head: Buffer, { at, bytes }: Magic): boolean =>
  head.length >= at + bytes.length && head.toString('latin1', at, at + bytes.length) === bytes;

const mayStillBe = (head: Buffer, { at, bytes }: Magic): boolean =>
  head.length < at + bytes.length && bytes.startsWith(head.toString('latin1', at));

/** ISO 11172-3, 2.4.2.3: kbit/s by index, of MPEG-1 and of MPEG-2 layer III. */
const KBITS = [
  [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
] as const;
const RATES = [44_100, 48_000, 32_000];

const isSync = (head: Buffer, at: number): boolean => head[at] === 0xff && ((head[at + 1] ?? 0) & 0xe0) === 0xe0;

/** Length of the MPEG layer III or ADTS frame that begins here; null when none does. */
function frameBytes(head: Buffer): number | null {
  if (head.length < 6 || !isSync(head, 0)) return null;
  const [, second = 0, third = 0, fourth = 0, fifth = 0, sixth = 0] = head;
  const layer = (second >> 1) & 3;
  if (layer === 0 && (second & 0xf0) === 0xf0) return adtsBytes(third, fourth, fifth, sixth);
  return layer === 1 ? layer3Bytes(second, third) : null;
}

/** ISO 13818-7, 6.2. */
function adtsBytes(third: number, fourth: number, fifth: number, sixth: number): number | null {
  if (((third >> 2) & 15) > 12) return null;
  const bytes = ((fourth & 3) << 11) | (fifth << 3) | (sixth >> 5);
  return bytes < 7 ? null : bytes;
}

function layer3Bytes(second: number, third: number): number | null {
  const version = (second >> 3) & 3;
  const kbits = KBITS[version === 3 ? 0 : 1][third >> 4];
  const rate = RATES[(third >> 2) & 3];
  if (version === 1 || kbits === undefined || kbits === 0 || rate === undefined) return null;
  const divisor = version === 3 ? 1 : version === 2 ? 2 : 4;
  const samples = version === 3 ? 144 : 72;
  return Math.floor((samples * kbits * 1000) / (rate / divisor)) + ((third >> 1) & 1);
}

import { readFile } from 'node:fs/promises';

/** Recorded speech with its text; `texts.json` names the sources (all public domain or BSD). */
export interface Speech {
  /** 16 kHz mono s16le, without a header. */
  readonly pcm: Uint8Array;
  readonly text: string;
}

interface Entry {
  readonly text: string;
  readonly source: string;
}

/** The samples of a WAV file of 16 kHz mono s16le: what its `data` chunk holds. */
function dataChunk(wav: Buffer): Uint8Array {
  for (let at = 12; at + 8 <= wav.length;) {
    const bytes = wav.readUInt32LE(at + 4);
    if (wav.toString('latin1', at, at + 4) === 'data') return new Uint8Array(wav.subarray(at + 8, at + 8 + bytes));
    at += 8 + bytes + (bytes % 2);
  }
  throw new Error('the WAV file has no data chunk');
}

/** The sample of a name, e.g. `jfk.wav`. */
export async function readSpeech(name: string): Promise<Speech> {
  const entry = (await entries())[name];
  if (entry === undefined) throw new Error(`${name} is not in test/speech/texts.json`);
  return { pcm: dataChunk(await readFile(new URL(name, import.meta.url))), text: entry.text };
}

/** All samples one after the other, each followed by a pause. */
export async function readAllSpeech(pauseMs: number): Promise<Speech> {
  const all = await Promise.all(Object.keys(await entries()).map(readSpeech));
  const pause = new Uint8Array(pauseMs * 32);
  return {
    pcm: Buffer.concat(all.flatMap(({ pcm }) => [pcm, pause])),
    text: all.map(({ text }) => text).join(' '),
  };
}

const entries = async (): Promise<Record<string, Entry>> =>
  JSON.parse(await readFile(new URL('texts.json', import.meta.url), 'utf8')) as Record<string, Entry>;

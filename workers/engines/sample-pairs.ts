/**
 * Cuts a stream of bytes at whole 16-bit samples: an odd byte is kept and put before the next ones.
 */
export class SamplePairs {
  private odd: Uint8Array | null = null;

  /** Answers the whole samples that are there now: `audio` itself where nothing has to be carried. */
  take(audio: Uint8Array): Uint8Array {
    if (this.odd === null && audio.length % 2 === 0) return audio;
    const all = new Uint8Array((this.odd?.length ?? 0) + audio.length);
    if (this.odd !== null) all.set(this.odd);
    all.set(audio, this.odd?.length ?? 0);
    const even = all.length - (all.length % 2);
    this.odd = even < all.length ? all.slice(even) : null;
    return all.subarray(0, even);
  }
}

/** Throws unless `fromByte` is an offset a recogniser may start at: whole, even, not negative. */
export function checkFromByte(fromByte: number): void {
  if (Number.isSafeInteger(fromByte) && fromByte >= 0 && fromByte % 2 === 0) return;
  throw new RangeError(`fromByte is ${fromByte}: a recogniser starts at an even byte offset from 0 on`);
}

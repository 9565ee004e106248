/** 16 kHz as 24 kHz, by straight lines between samples: what OpenAI's clients send. */
export function upsampled(pcm: Uint8Array): Buffer {
  // A copy of its own: small Buffers share their memory with others.
  const from = new Int16Array(Uint8Array.from(pcm).buffer);
  const to = Int16Array.from({ length: Math.floor((from.length * 3) / 2) }, (_, i) => {
    const at = (i * 2) / 3;
    const [a = 0, b = a] = [from[Math.floor(at)], from[Math.floor(at) + 1]];
    return a + (b - a) * (at % 1);
  });
  return Buffer.from(to.buffer);
}

/** One question for all who ask within `ms`; one that failed is asked anew. */
export function atMostEvery<T>(ms: number, ask: () => Promise<T>): () => Promise<T> {
  let last: { readonly atMs: number; readonly answer: Promise<T> } | null = null;
  return () => {
    const nowMs = performance.now();
    if (last !== null && nowMs - last.atMs <= ms) return last.answer;
    const answer = ask();
    last = { atMs: nowMs, answer };
    answer.catch(() => (last = null));
    return answer;
  };
}

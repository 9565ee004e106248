/** Works on the items side by side, at most `lanes` at a time; answers one promise for each, in the items' order. */
export function inLanes<T, R>(items: readonly T[], lanes: number, work: (item: T) => Promise<R>): Promise<R>[] {
  const results = items.map(() => Promise.withResolvers<R>());
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) {
      const [item, result] = [items[at] as T, results[at]];
      await work(item).then(result?.resolve, result?.reject);
    }
  };
  // A failure is told when its turn comes.
  for (const { promise } of results) promise.catch(() => undefined);
  for (let n = 0; n < lanes; n += 1) void lane();
  return results.map(({ promise }) => promise);
}

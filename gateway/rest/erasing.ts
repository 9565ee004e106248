/** What is deleted is waited for, for a while. */
import type { Response } from 'express';
import type { SessionRef } from '../../workflows/contract.ts';

/** How long a deletion is waited for before it is said to go on. */
const ERASE_WAIT_MS = 15_000;

/** @param erase deletes, and waits for that so many milliseconds */
export async function answerErasure(
  { id }: SessionRef,
  erase: (waitMs: number) => Promise<'erased' | 'erasing'>,
  response: Response,
): Promise<void> {
  const how = await erase(ERASE_WAIT_MS);
  if (how === 'erased') response.status(204).end();
  else response.status(202).json({ id, erasing: true });
}

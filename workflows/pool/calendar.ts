/** What a timetable says at a moment. Pure: the moment is passed in. */
import { lastFiring } from './cron.ts';
import { latestWallMs, localTime } from './local-time.ts';
import type { Calendar, Timetable } from './policy.ts';

/** Workers by the table at a moment, without the lead; 0 where no entry has ever fired. */
export function tabledWorkers(timetable: Timetable, atMs: number, timeZone: string): number {
  switch (timetable.kind) {
    case 'hours':
      return timetable.workersByHour[localTime(atMs, timeZone).hour] ?? 0;
    case 'cron':
      return latestEntry(timetable.entries, latestWallMs(atMs, timeZone));
  }
}

function latestEntry(entries: readonly { readonly cron: string; readonly workers: number }[], wall: number): number {
  let [latest, workers] = [-Infinity, 0];
  for (const entry of entries) {
    const firedAt = lastFiring(entry.cron, wall);
    if (firedAt === null || firedAt < latest) continue;
    [latest, workers] = [firedAt, entry.workers];
  }
  return workers;
}

const STEP_MS = 60_000;

/** Workers that the calendar wants now: the table's largest number from now to `leadMs` ahead. Rises come early, falls in time. */
export function calendarWorkers({ timetable, leadMs }: Calendar, atMs: number, timeZone: string): number {
  let workers = tabledWorkers(timetable, atMs + leadMs, timeZone);
  // No zone's hour begins off the quarter of an hour; a cron entry may fire at any minute.
  const stepMs = timetable.kind === 'cron' ? STEP_MS : 15 * STEP_MS;
  for (let ahead = 0; ahead < leadMs; ahead += stepMs) {
    workers = Math.max(workers, tabledWorkers(timetable, atMs + ahead, timeZone));
  }
  return workers;
}

/** 16 kHz mono s16le: 32 bytes a millisecond. */
export const BYTES_PER_MS = 32;

/** A recogniser says how far it is this often, in silence too. */
export const PROGRESS_MS = 200;

/**
 * Most audio a recogniser may be given ahead of what it has consumed: over 12 minutes, more than any allowed setting of
 * LONGHAND_SEND_AHEAD_MS. A recogniser that is given more fails instead of filling the memory.
 */
export const MAX_AHEAD_BYTES = 24_000_000;

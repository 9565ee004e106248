/** Labels: what clients write on their sessions to find them again, each `key:value`. */
import { z } from 'zod';

export const MAX_LABELS = 16;
const MAX_LABEL_LENGTH = 128;
/**
 * A key as names are; a value of letters, digits, spaces inside, and these signs. No quotes and no backslash: Temporal's
 * own queries (1.32, SQLite) do not find values that hold them, or fail.
 */
const LABEL =
  /^[A-Za-z0-9][A-Za-z0-9._-]*:[\p{L}\p{M}\p{N}._:/@+#=,-](?:[\p{L}\p{M}\p{N}._:/@+#=, -]*[\p{L}\p{M}\p{N}._:/@+#=,-])?$/u;

export const labelSchema = z
  .string()
  .max(MAX_LABEL_LENGTH, `at most ${MAX_LABEL_LENGTH} characters`)
  .regex(
    LABEL,
    'key:value, the key of letters, digits, ".", "_", "-", the value of letters, digits, inner spaces and ._:/@+#=,-',
  );

export const labelsSchema = z
  .array(labelSchema)
  .max(MAX_LABELS, `at most ${MAX_LABELS}`)
  .transform((labels) => [...new Set(labels)]);

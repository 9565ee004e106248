/** `chunking_strategy`: `auto`, or an object, which the SDKs send in brackets and others as JSON. */
import { z } from 'zod';
import type { FormFields } from '../../rest/form.ts';
import { OpenAiRefusal } from './refusal.ts';

const NAME = 'chunking_strategy';

const milliseconds = z.coerce.number('a whole number of milliseconds').int().min(0).max(60_000);

const serverVad = z.strictObject({
  type: z.literal('server_vad', 'server_vad'),
  prefix_padding_ms: milliseconds.optional(),
  silence_duration_ms: milliseconds.optional(),
  threshold: z.coerce.number('a number from 0 to 1').min(0).max(1).optional(),
});

/**
 * Files are always cut at silences, which is what `auto` asks for.
 * @returns `own` where the client wants it done by numbers of its own
 * @throws {OpenAiRefusal} when it is none
 */
export function readChunking(fields: FormFields): 'default' | 'own' {
  const [plain] = fields.get(NAME) ?? [];
  const inBrackets = [...fields].flatMap(([name, [value = '']]) => {
    const [, key] = /^chunking_strategy\[([^[\]]+)\]$/.exec(name) ?? [];
    return key === undefined ? [] : [[key, value] as const];
  });
  if (inBrackets.length === 0 && (plain === undefined || ['', 'null', 'auto'].includes(plain))) return 'default';
  const result = serverVad.safeParse(inBrackets.length > 0 ? Object.fromEntries(inBrackets) : parsed(plain ?? ''));
  if (!result.success) {
    const [issue] = result.error.issues;
    const param = [NAME, ...(issue?.path ?? [])].join('.');
    throw new OpenAiRefusal(
      `Invalid value for ${param}: ${issue?.message ?? 'not valid'}; "auto", or an object of type server_vad`,
      param,
    );
  }
  return Object.keys(result.data).length > 1 ? 'own' : 'default';
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}

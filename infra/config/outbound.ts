/** Settings of what Longhand says to addresses that its clients name: webhooks, and files fetched from an address. */
import { z } from 'zod';
import { isAllowEntry } from '../outbound/addresses.ts';

const integer = (from: number, to: number) => z.coerce.number().int().min(from).max(to);
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

const entries = (text: string, separator: string | RegExp): string[] =>
  text
    .split(separator)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');

const allowList = z
  .string()
  .default('')
  .transform((text, context) => {
    const allowed = entries(text, ',');
    const wrong = allowed.find((entry) => !isAllowEntry(entry));
    if (wrong === undefined) return allowed;
    const message = `'${wrong}' is neither a host name, an address nor a range such as 10.0.0.0/8`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

const PREFIX = 'whsec_';

/** https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md (symmetric signatures) */
function isSecret(text: string): boolean {
  const base64 = text.slice(PREFIX.length);
  const bytes = Buffer.from(base64, 'base64');
  return text.startsWith(PREFIX) && bytes.toString('base64') === base64 && bytes.length >= 24 && bytes.length <= 64;
}

const secrets = z
  .string()
  .default('')
  .transform((text, context) => {
    const given = entries(text, /\s+/);
    if (given.every(isSecret)) return given;
    // The secret itself is not repeated.
    const message = `is to be ${PREFIX} and the base64 of 24 to 64 bytes; several with a space between`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

const retrySchedule = z
  .string()
  .default('5000,300000,1800000,7200000,18000000,36000000,50400000,72000000,86400000')
  .transform((text) => entries(text, ',').map(Number))
  .pipe(
    z
      .array(
        z
          .number()
          .int()
          .min(1)
          .max(30 * dayMs),
      )
      .max(30),
  )
  .refine((times) => times.every((ms, at) => ms > (times[at - 1] ?? 0)), 'each is to be later than the one before');

export const outboundSettings = {
  LONGHAND_OUTBOUND_ALLOW: allowList.describe(
    'host names, addresses and ranges (10.0.0.0/8) that webhooks and files by address may reach although they are not public, with commas',
  ),
  LONGHAND_FETCH_SLOTS: integer(1, 1000)
    .default(8)
    .describe('files that one orchestrator fetches from addresses at a time; more wait, and hold nothing else up'),
  LONGHAND_FETCH_ATTEMPTS: integer(1, 100)
    .default(5)
    .describe('how often a file is asked for at its address before its session fails'),
  LONGHAND_FETCH_LIMIT_MS: integer(100, dayMs).default(hourMs).describe('longest time that fetching one file may take'),
  LONGHAND_WEBHOOK_URL: z
    .url({ protocol: /^https?$/, error: 'is not an address: expected https://host/path or http://host/path' })
    .nullable()
    .default(null)
    .describe('receiver of webhooks of sessions that name none'),
  LONGHAND_WEBHOOK_SECRET: secrets.describe(
    'secret that signs webhooks, `whsec_…`; while it is replaced, the new and the old one with a space between',
  ),
  LONGHAND_WEBHOOK_RETRY_MS: retrySchedule.describe(
    'when a webhook that did not get through is sent again, counted from the first time, with commas',
  ),
  LONGHAND_WEBHOOK_TIMEOUT_MS: integer(100, 60_000)
    .default(15_000)
    .describe('a receiver that has not answered by then has not received'),
  LONGHAND_WEBHOOK_SLOTS: integer(1, 1000)
    .default(50)
    .describe('webhooks that one orchestrator sends at a time; slow receivers hold nothing else up'),
  LONGHAND_WEBHOOK_KEEP_MS: integer(1000, 365 * dayMs)
    .default(30 * dayMs)
    .describe('a webhook that did not get through can be sent again for so long'),
} as const;

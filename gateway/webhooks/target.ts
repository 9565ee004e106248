/** Who is told of a session's end: the receiver that it names, or else the installation's own. */
import { createHash, randomBytes } from 'node:crypto';
import type { SessionRef } from '../../workflows/contract.ts';
import type { WebhookTarget } from '../../workflows/webhook/contract.ts';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';

const RECEIVER_LENGTH = 32;

const hashOf = (text: string, length: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, length);

/** How the ids of messages begin that tell a session's results: by it they are found when the session is deleted. */
export const resultsMessages = ({ tenant, id }: SessionRef): string => `msg_${hashOf(`${tenant}/${id}`, 16)}`;

/** Matches {@link MESSAGE_ID_PATTERN}. */
export const newResultsMessage = (ref: SessionRef): string =>
  `${resultsMessages(ref)}${randomBytes(8).toString('hex')}`;

export const receiverOf = (url: string): string =>
  createHash('sha256').update(url).digest('hex').slice(0, RECEIVER_LENGTH);

/**
 * For a session's input: no webhook where there is no receiver.
 * @param given the parameter `webhook`
 * @throws Failure when it may not be spoken to, or nothing could be signed
 */
export async function webhookFor(
  { settings, outbound }: Pick<Gateway, 'settings' | 'outbound'>,
  given: string | undefined,
): Promise<{ readonly webhook?: WebhookTarget }> {
  const { defaultUrl, isSigned, retryMs, keepMs } = settings.webhooks;
  if (given !== undefined) {
    if (!isSigned) {
      throw new Failure('invalid_parameter', 'webhook: none is sent here, for LONGHAND_WEBHOOK_SECRET is not set');
    }
    const refusal = await outbound.refusal(given);
    if (refusal !== null) throw new Failure('forbidden_address', `webhook: the address ${refusal}`);
  }
  const url = given ?? defaultUrl;
  if (url === null) return {};
  const { href } = new URL(url);
  return { webhook: { url: href, receiver: receiverOf(href), retryMs, keepMs } };
}

/** The parameter `callback`. @throws Failure for an address that is none to speak to */
export async function refuseCallback({ outbound }: Pick<Gateway, 'outbound'>, url: string): Promise<void> {
  const refusal = await outbound.refusal(url);
  if (refusal !== null) throw new Failure('invalid_parameter', `callback: the address ${refusal}`);
}

/** Who is told of a session's end: the receiver that it names, or else the installation's own. */
import { createHash } from 'node:crypto';
import type { WebhookTarget } from '../../workflows/webhook/contract.ts';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';

const RECEIVER_LENGTH = 32;

const receiverOf = (url: string): string => createHash('sha256').update(url).digest('hex').slice(0, RECEIVER_LENGTH);

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

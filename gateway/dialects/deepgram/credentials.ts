/** How a Deepgram client says who it is. Until there is identity every credential is as good as none: here is where one is read. */
import type { IncomingHttpHeaders } from 'node:http';

const SCHEMES = ['token', 'bearer'] as const;

export interface Credential {
  readonly scheme: (typeof SCHEMES)[number];
  readonly secret: string;
  /** The subprotocol that brought it, to be agreed on; null where a header did. */
  readonly protocol: string | null;
}

/**
 * `Authorization: Token KEY` or `Bearer JWT`; a browser, which can send no header with a WebSocket, offers the subprotocols
 * `token, KEY` or `bearer, JWT`. Only the first of the two is ever said back.
 */
export function credentialOf(headers: IncomingHttpHeaders, protocols: readonly string[] = []): Credential | null {
  const [scheme = '', secret = ''] = (headers.authorization ?? '').split(/ +/);
  const named = schemeOf(scheme);
  if (named !== null) return { scheme: named, secret, protocol: null };
  for (const [i, protocol] of protocols.entries()) {
    const offered = schemeOf(protocol);
    if (offered !== null) return { scheme: offered, secret: protocols[i + 1] ?? '', protocol };
  }
  return null;
}

const schemeOf = (text: string) => SCHEMES.find((scheme) => scheme === text.toLowerCase()) ?? null;

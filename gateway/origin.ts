/**
 * Keeps web pages of other sites out: any page that a browser on this machine shows can reach a loopback address. A browser
 * says where a page is from by `Origin` (OWASP ASVS 4.4.2: checked on WebSockets), and a name that was made to point here
 * (DNS rebinding) shows in `Host`. Other programs send no `Origin` and are let through.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { Failure } from './failures.ts';
import { shown } from './protocol.ts';

export interface OriginSettings {
  /** Names other than loopback by which the gateway may be addressed, without port. */
  readonly allowedHosts: readonly string[];
  /** Sites other than its own whose pages may use the gateway, e.g. `https://desk.example`. */
  readonly allowedOrigins: readonly string[];
}

const LOOPBACK: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

/** The failure for a request that must not come in, or null. */
export function refuseForeign(headers: IncomingHttpHeaders, settings: OriginSettings): Failure | null {
  const host = headers.host ?? '';
  const name = host.replace(/:\d+$/, '').toLowerCase();
  if (!LOOPBACK.includes(name) && !settings.allowedHosts.includes(name)) {
    return new Failure(
      'unknown_host',
      `host ${shown(name)}: one of ${[...LOOPBACK, ...settings.allowedHosts].join(', ')}`,
    );
  }
  const { origin } = headers;
  if (origin === undefined || settings.allowedOrigins.includes(origin)) return null;
  const isOwn = URL.canParse(origin) && new URL(origin).host === host.toLowerCase();
  return isOwn ? null : new Failure('foreign_origin', `pages of ${shown(origin)} may not use this gateway`);
}

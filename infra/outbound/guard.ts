/**
 * The one place that decides whether an address which a client has named may be spoken to (webhooks, files by address). It is
 * asked when the address is given, and again for each connection, which then goes to the very addresses that were looked at:
 * a name that leads elsewhere by then (DNS rebinding) is refused.
 * https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import { AllowList, isPublic } from './addresses.ts';

/** All addresses of a host name; fails with the codes of getaddrinfo. */
export type Resolve = (host: string) => Promise<readonly string[]>;

const resolveAll: Resolve = async (host) => (await lookup(host, { all: true })).map(({ address }) => address);

/** An address that is not to be spoken to. The message may be shown to whoever named it: it tells nothing of the network here. */
export class ForbiddenAddress extends Error {
  override name = 'ForbiddenAddress';
  readonly reason = 'forbidden_address';
}

const NOT_PUBLIC =
  'leads to an address that is not public (loopback, private, link-local, …); LONGHAND_OUTBOUND_ALLOW may allow it';

/** Host of a URL without the brackets of IPv6. */
const bareHost = (hostname: string): string => hostname.replace(/^\[(.*)\]$/, '$1');

export class OutboundGuard {
  readonly #allow: AllowList;
  readonly #resolve: Resolve;

  /** @param allow entries of LONGHAND_OUTBOUND_ALLOW. */
  constructor(allow: readonly string[], resolve: Resolve = resolveAll) {
    this.#allow = new AllowList(allow);
    this.#resolve = resolve;
  }

  /** Null, or why the address may not be spoken to, as the end of a sentence. A resolver that is away refuses nothing: each connection asks again. */
  async refusal(address: string): Promise<string | null> {
    try {
      await this.addressesOf(hostOf(address));
      return null;
    } catch (error) {
      if (error instanceof ForbiddenAddress) return error.message;
      if (codeOf(error) === 'ENOTFOUND') return 'names a host that is not known';
      return null;
    }
  }

  /** What a host leads to, each address of it looked at. @throws ForbiddenAddress when one of them is none to speak to. */
  async addressesOf(host: string): Promise<readonly string[]> {
    const addresses = isIP(host) === 0 ? await this.#resolve(host) : [host];
    const isAllowed = (address: string) => isPublic(address) || this.#allow.hasAddress(address);
    if (!this.#allow.hasHost(host) && !addresses.every(isAllowed)) throw new ForbiddenAddress(NOT_PUBLIC);
    if (addresses.length === 0) throw Object.assign(new Error('no address'), { code: 'ENOTFOUND' });
    return addresses;
  }

  /** Opens connections for undici's Agent. @param timeoutMs until it is open. */
  connector(timeoutMs: number): buildConnector.connector {
    const connect = buildConnector({ lookup: this.#lookup, timeout: timeoutMs });
    return (options, callback) => {
      const host = bareHost(options.hostname);
      // No lookup is made of what is an address already.
      const looked = isIP(host) === 0 ? Promise.resolve() : this.addressesOf(host);
      looked.then(
        () => connect(options, callback),
        (error: unknown) => callback(error as Error, null),
      );
    };
  }

  readonly #lookup: LookupFunction = (host, { all, family }, callback) => {
    this.addressesOf(host).then(
      (addresses) => {
        const found = addresses
          .map((address) => ({ address, family: isIP(address) }))
          .filter((one) => family === undefined || family === 0 || family === one.family);
        const [first] = found;
        if (all === true) callback(null, found);
        else callback(null, first?.address ?? '', first?.family);
      },
      (error: unknown) => callback(error as NodeJS.ErrnoException, ''),
    );
  };
}

/** The host of an address of which everything else is as it may be. @throws ForbiddenAddress */
export function hostOf(address: string): string {
  const url = URL.parse(address);
  if (url === null) throw new ForbiddenAddress('is no address: https://… or http://…');
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new ForbiddenAddress(`begins with ${url.protocol}: https: and http: are allowed`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new ForbiddenAddress('holds a user name or a password: it is to be without');
  }
  return bareHost(url.hostname);
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : null);

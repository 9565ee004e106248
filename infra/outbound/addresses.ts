/** Which network addresses others may have us speak to: public ones, and those that the installation allows. Pure. */
import ipaddr from 'ipaddr.js';
import { isIP } from 'node:net';

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Range = [Address, number];

/** Public by their range, and all the same the inside of somebody's cloud: https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16 */
const CLOUD_INSIDES: readonly string[] = ['168.63.129.16'];

/** What the Internet's registries give out of IPv6 lies here: RFC 4291, 2.4, and https://www.iana.org/assignments/ipv6-unicast-address-assignments */
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3');

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i;

/** An entry of LONGHAND_OUTBOUND_ALLOW: a host name, an address, or a range of addresses (CIDR). */
export const isAllowEntry = (entry: string): boolean => rangeOf(entry) !== null || HOST_NAME.test(entry);

function rangeOf(entry: string): Range | null {
  if (ipaddr.isValidCIDR(entry)) return ipaddr.parseCIDR(entry);
  if (isIP(entry) === 0) return null;
  const address = ipaddr.parse(entry);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}

/** Hosts and ranges of addresses that are spoken to although they are not public. */
export class AllowList {
  readonly #hosts: ReadonlySet<string>;
  readonly #ranges: readonly Range[];

  constructor(entries: readonly string[]) {
    this.#ranges = entries.flatMap((entry) => [rangeOf(entry)].filter((range) => range !== null));
    this.#hosts = new Set(entries.filter((entry) => rangeOf(entry) === null).map((host) => host.toLowerCase()));
  }

  hasHost(host: string): boolean {
    return this.#hosts.has(host.toLowerCase().replace(/\.$/, ''));
  }

  /** @param text an IP address, as a resolver gives it. */
  hasAddress(text: string): boolean {
    if (isIP(text) === 0) return false;
    // An IPv4 address dressed as IPv6 (::ffff:10.0.0.1) is that IPv4 address.
    const address = ipaddr.process(text);
    return this.#ranges.some(([network, bits]) => address.kind() === network.kind() && address.match(network, bits));
  }
}

/**
 * Whether an address is public: no loopback, private, link-local, shared (RFC 6598), multicast, documentation or reserved one,
 * none that carries an IPv4 address within (mapped, NAT64, 6to4, Teredo), and nothing that is no address.
 */
export function isPublic(text: string): boolean {
  // Shorter forms, such as 127.1, are none that a resolver gives.
  if (isIP(text) === 0) return false;
  const address = ipaddr.parse(text);
  if (address.range() !== 'unicast' || CLOUD_INSIDES.includes(address.toString())) return false;
  return address.kind() === 'ipv4' || address.match(GLOBAL_UNICAST);
}

/** Loaded before a process of ours: names below `.example` are asked of the test's own name server, not of the machine's. */
import dns from 'node:dns';
import type { LookupAddress, LookupOptions } from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';

const resolver = new dns.promises.Resolver();
resolver.setServers([process.env['TEST_NAME_SERVER'] ?? '']);
const usual = dns.promises.lookup as (host: string, options: LookupOptions) => Promise<LookupAddress[]>;

const lookup = async (host: string, options: LookupOptions): Promise<LookupAddress[]> => {
  if (!host.endsWith('.example')) return usual(host, options);
  return (await resolver.resolve4(host)).map((address) => ({ address, family: 4 }));
};

dns.promises.lookup = lookup as typeof dns.promises.lookup;
syncBuiltinESMExports();

/** An address that a client names leads nowhere but to the public Internet, and to what the installation allows. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { isAllowEntry, isPublic } from '../../../infra/outbound/addresses.ts';
import { OutboundGuard } from '../../../infra/outbound/guard.ts';
import type { Resolve } from '../../../infra/outbound/guard.ts';
import { OutboundHttp } from '../../../infra/outbound/http.ts';

const INSIDE = {
  'this host (0.0.0.0/8)': ['0.0.0.0', '0.1.2.3'],
  loopback: ['127.0.0.1', '127.255.255.254', '::1'],
  private: ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1'],
  'link-local, with the metadata of clouds': ['169.254.169.254', '169.254.0.1', 'fe80::1', 'fe80::1%eth0'],
  'shared by a carrier': ['100.64.0.1', '100.100.100.200', '100.127.255.255'],
  multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1'],
  'broadcast and reserved': ['255.255.255.255', '240.0.0.1', '192.0.0.1', '198.18.0.1', '192.0.2.1', '2001:db8::1'],
  'unique local, with the metadata of clouds': ['fc00::1', 'fd00:ec2::254'],
  'unspecified IPv6': ['::'],
  'IPv4 within IPv6: mapped': ['::ffff:127.0.0.1', '::ffff:10.0.0.1', '::ffff:a9fe:a9fe', '::ffff:8.8.8.8'],
  'IPv4 within IPv6: compatible': ['::127.0.0.1', '::a00:1'],
  'IPv4 within IPv6: NAT64': ['64:ff9b::7f00:1', '64:ff9b:1::1'],
  'IPv4 within IPv6: 6to4 and Teredo': ['2002:7f00:1::', '2001::1'],
  'site-local and discard': ['fec0::1', '100::1'],
  'not yet given out': ['4000::1', '9000::1'],
  "a cloud's own, in a public range": ['168.63.129.16'],
  'no address': ['', 'example.org', '1.2.3', '1.2.3.4.5'],
};

test.each(Object.entries(INSIDE))('%s is not public', (_what, addresses) => {
  expect(addresses.filter((address) => isPublic(address))).toEqual([]);
});

test('what the Internet routes is public', () => {
  const addresses = ['8.8.8.8', '1.1.1.1', '93.184.216.34', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00::1'];
  expect(addresses.filter((address) => !isPublic(address))).toEqual([]);
});

test('no IPv4 address becomes public by being dressed as IPv6', () => {
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      expect(isPublic(`::ffff:${address}`)).toBe(false);
      expect(isPublic(`::${address}`)).toBe(false);
    }),
    { seed: 5 },
  );
});

/** A resolver that knows these names; what a name leads to may change from one question to the next. */
function names(known: Record<string, readonly string[] | (() => readonly string[])>): Resolve {
  return (host) => {
    const found = known[host];
    if (found === undefined) return Promise.reject(Object.assign(new Error('unknown'), { code: 'ENOTFOUND' }));
    return Promise.resolve(typeof found === 'function' ? found() : found);
  };
}

describe('when an address is given', () => {
  const guard = new OutboundGuard(
    ['10.1.0.0/16', 'Receiver.Internal', 'fd12::/16'],
    names({
      'hooks.example': ['93.184.216.34'],
      'half.example': ['93.184.216.34', '10.0.0.7'],
      'receiver.internal': ['192.168.0.9'],
      'allowed.example': ['10.1.2.3', 'fd12::1'],
      'mapped.example': ['::ffff:10.1.2.3'],
      'nothing.example': [],
    }),
  );

  test.each([
    'https://hooks.example/x?token=1',
    'http://hooks.example:8080/',
    'https://8.8.8.8/',
    'https://[2606:4700::1111]/',
    'https://allowed.example/',
    'https://mapped.example/',
    'http://10.1.255.1/',
    'http://receiver.internal/',
    'http://RECEIVER.internal/',
  ])('%s may be spoken to', async (url) => {
    expect(await guard.refusal(url)).toBeNull();
  });

  test.each([
    ['http://127.0.0.1/', /not public/],
    ['http://2130706433/', /not public/],
    ['http://0x7f.1/', /not public/],
    ['http://0177.0.0.1/', /not public/],
    ['http://127.1:9000/', /not public/],
    ['http://[::1]/', /not public/],
    ['http://[::ffff:127.0.0.1]/', /not public/],
    ['http://169.254.169.254/latest/meta-data', /not public/],
    ['http://10.2.0.1/', /not public/],
    ['http://half.example/', /not public/],
    ['file:///etc/passwd', /begins with file:/],
    ['gopher://hooks.example/', /begins with gopher:/],
    ['data:text/plain,x', /begins with data:/],
    ['javascript:alert(1)', /begins with javascript:/],
    ['//hooks.example/', /no address/],
    ['hooks', /no address/],
    ['', /no address/],
    ['https://user:secret@hooks.example/', /user name or a password/],
    ['https://user@hooks.example/', /user name or a password/],
    ['https://nowhere.example/', /not known/],
    ['https://nothing.example/', /not known/],
  ])('%s is refused', async (url, why) => {
    expect(await guard.refusal(url)).toMatch(why);
  });

  test('a refusal tells nothing of the network behind a name', async () => {
    expect(await guard.refusal('http://half.example/')).not.toMatch(/10\.0\.0\.7/);
  });

  test('a resolver that is away refuses nothing yet', async () => {
    const away = () => Promise.reject(Object.assign(new Error('try again'), { code: 'EAI_AGAIN' }));
    expect(await new OutboundGuard([], away).refusal('https://hooks.example/')).toBeNull();
  });
});

test('an entry of LONGHAND_OUTBOUND_ALLOW is a host, an address or a range', () => {
  const right = ['localhost', 'a.b-c.example', '10.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8', 'my_host'];
  const wrong = ['http://x', 'a b', '10.0.0.0/33', '[::1]', 'x:80', '-', '*', 'a..b'];
  expect(right.filter((entry) => !isAllowEntry(entry))).toEqual([]);
  expect(wrong.filter(isAllowEntry)).toEqual([]);
});

describe('when a connection is made', () => {
  let server: Server;
  let asked: string[];
  beforeEach(async () => {
    asked = [];
    server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      const to = new URL(request.url ?? '/', 'http://x').searchParams.get('to');
      if (to !== null) response.writeHead(302, { location: to }).end();
      else response.end('found');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const port = () => (server.address() as AddressInfo).port;
  const never = new AbortController().signal;
  const httpOf = (allow: readonly string[], resolve?: Resolve) =>
    new OutboundHttp(new OutboundGuard(allow, resolve), 5000);

  async function post(http: OutboundHttp, url: string): Promise<unknown> {
    try {
      return await http.post({ url, headers: {}, body: '{}', timeoutMs: 5000, signal: never });
    } finally {
      await http.close();
    }
  }

  async function read(http: OutboundHttp, url: string): Promise<string> {
    try {
      const { body } = await http.open(url, never);
      return Buffer.concat(await Array.fromAsync(body)).toString();
    } finally {
      await http.close();
    }
  }

  test('an allowed address answers, a redirect as it is', async () => {
    expect(await post(httpOf(['127.0.0.1']), `http://127.0.0.1:${port()}/a`)).toMatchObject({ status: 200 });
    expect(await post(httpOf(['127.0.0.1']), `http://127.0.0.1:${port()}/a?to=/b`)).toMatchObject({ status: 302 });
    expect(asked).toEqual(['POST /a', 'POST /a?to=/b']);
  });

  test.each(['http://127.0.0.1', 'http://[::ffff:127.0.0.1]', 'http://2130706433', 'http://localhost'])(
    '%s is refused without a word',
    async (host) => {
      await expect(post(httpOf([]), `${host}:${port()}/`)).rejects.toMatchObject({ reason: 'forbidden_address' });
      expect(asked).toEqual([]);
    },
  );

  test('a name that led elsewhere when it was given is refused once it leads inside', async () => {
    const answers = [['93.184.216.34'], ['127.0.0.1']];
    const rebinding = names({ 'rebind.example': () => answers.shift() ?? ['127.0.0.1'] });
    const guard = new OutboundGuard([], rebinding);
    const url = `http://rebind.example:${port()}/`;
    expect(await guard.refusal(url)).toBeNull();
    await expect(post(new OutboundHttp(guard, 5000), url)).rejects.toMatchObject({ reason: 'forbidden_address' });
    expect(asked).toEqual([]);
  });

  test('a connection goes to the address that was looked at, and the name is asked for once', async () => {
    const answers = [['127.0.0.1'], ['93.184.216.34']];
    const rebinding = names({ 'pinned.example': () => answers.shift() ?? [] });
    expect(await post(httpOf(['127.0.0.0/8'], rebinding), `http://pinned.example:${port()}/`)).toMatchObject({
      status: 200,
    });
    expect(answers).toHaveLength(1);
  });

  test('a file is found behind redirects, and none of them leads inside', async () => {
    const http = () => httpOf(['public.example'], names({ 'public.example': ['127.0.0.1'] }));
    const base = `http://public.example:${port()}`;
    expect(await read(http(), `${base}/a?to=${encodeURIComponent('/b?to=/c')}`)).toBe('found');
    expect(asked).toEqual(['GET /a?to=%2Fb%3Fto%3D%2Fc', 'GET /b?to=/c', 'GET /c']);
    for (const to of [
      `http://127.0.0.1:${port()}/`,
      'http://169.254.169.254/',
      'file:///etc/passwd',
      'http://u:p@h/',
    ]) {
      const url = `${base}/?to=${encodeURIComponent(to)}`;
      await expect(read(http(), url)).rejects.toMatchObject({ reason: 'forbidden_address' });
    }
  });

  test('a file is not looked for behind endless redirects', async () => {
    let times = 0;
    const loop = createServer((_request, response) => {
      times += 1;
      response.writeHead(302, { location: '/' }).end();
    });
    loop.listen(0, '127.0.0.1');
    await once(loop, 'listening');
    const at = `http://127.0.0.1:${(loop.address() as AddressInfo).port}/`;
    await expect(read(httpOf(['127.0.0.1']), at)).rejects.toThrow('redirects more than 3 times');
    expect(times).toBe(4);
    loop.close();
  });

  test('a body that stands still is cut off, and so is a receiver that says nothing', async () => {
    const silent = createServer((request, response) => {
      if (request.method === 'GET') response.writeHead(200).write('half');
    }).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
    const http = new OutboundHttp(new OutboundGuard(['127.0.0.1']), 200);
    await expect(read(http, url)).rejects.toThrow(/Timeout/i);
    const patient = httpOf(['127.0.0.1']);
    const sent = patient.post({ url, headers: {}, body: '', timeoutMs: 100, signal: never });
    await expect(sent).rejects.toThrow(/timeout/i);
    await patient.close();
    silent.closeAllConnections();
    silent.close();
  });
});

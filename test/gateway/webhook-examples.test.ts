/** The examples of docs/webhooks.md work as they stand there. */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Webhook } from 'standardwebhooks';
import { freePort } from '../../infra/processes/ports.ts';
import { until } from '../harness/until.ts';

const root = join(import.meta.dirname, '../..');
const SECRET = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
const OTHER = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
const BODY = '{"type":"session.completed","timestamp":"2026-01-02T03:04:05.678Z","data":{"id":"talk"}}';

async function example(name: string): Promise<string> {
  const text = await readFile(join(root, 'docs/webhooks.md'), 'utf8');
  const [, code] = new RegExp(`<!-- example:${name}[^>]*-->\\s+\`\`\`\\w+\\n([\\s\\S]*?)\`\`\``).exec(text) ?? [];
  if (code === undefined) throw new Error(`no example ${name}`);
  return code;
}

const signed = (secret: string, at = new Date()): Record<string, string> => ({
  'webhook-id': 'msg_1',
  'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
  'webhook-signature': `v1,AAAA ${new Webhook(secret).sign('msg_1', at, BODY)}`,
});
const LONG_AGO = new Date(Date.now() - 600_000);

let folder: string;
beforeEach(async () => {
  // Below the repository, so that packages are found.
  folder = await mkdtemp(join(root, 'test/gateway/.example-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('the receiver in Node takes what is ours once, and refuses the rest', async () => {
  const file = join(folder, 'receiver.mjs');
  await writeFile(file, await example('node'));
  const port = await freePort(0);
  const child: ChildProcess = spawn(process.execPath, [file], {
    env: { WEBHOOK_SECRET: SECRET, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const send = async (headers: Record<string, string>, body = BODY): Promise<number> =>
    (await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers, body })).status;
  try {
    await until(
      'the receiver listens',
      () => send({}).catch(() => 0),
      (status) => status === 401,
    );
    expect(await send(signed(SECRET))).toBe(204);
    expect(await send(signed(SECRET))).toBe(204);
    expect(await send(signed(OTHER))).toBe(401);
    expect(await send(signed(SECRET), `${BODY} `)).toBe(401);
    expect(await send(signed(SECRET, LONG_AGO))).toBe(401);
    await until(
      'it has said so',
      () => said,
      (text) => text !== '',
    );
    expect(said).toBe('session.completed talk\n');
  } finally {
    child.kill();
    await once(child, 'exit');
  }
}, 30_000);

test('the check in Python believes what is ours, and nothing else', async () => {
  const file = join(folder, 'check.py');
  const cases = [
    [SECRET, signed(SECRET), BODY],
    [SECRET, signed(OTHER), BODY],
    [SECRET, signed(SECRET), `${BODY} `],
    [SECRET, signed(SECRET, LONG_AGO), BODY],
  ];
  const run = `import json, sys\nprint([is_ours(s, h, b.encode()) for s, h, b in json.loads(sys.argv[1])])\n`;
  await writeFile(file, `${await example('python')}\n${run}`);
  const said = await python(file, JSON.stringify(cases));
  if (said !== null) expect(said.trim()).toBe('[True, False, False, False]');
});

/** What a program in Python says; null, said by name, where there is no Python. */
async function python(file: string, argument: string): Promise<string | null> {
  try {
    return (await promisify(execFile)('python3', [file, argument])).stdout;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || process.env['CI'] === 'true') throw error;
    process.stderr.write('not run: the check in Python (there is no python3)\n');
    return null;
  }
}

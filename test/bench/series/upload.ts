/** What a large file costs the gateway in memory, by each way in: nothing that grows with the file. */
import { readFile } from 'node:fs/promises';
import type { System } from '../../harness/system.ts';
import { withSystem } from '../installation.ts';
import { shown } from '../statistics.ts';
import type { Row } from '../table.ts';
import type { Series } from './series.ts';

const BYTES = 2_000_000_000;
const QUICK_BYTES = 200_000_000;
const CHUNK = Buffer.alloc(1 << 20);
const MIB = 1 << 20;
/** Buffers of the sockets, of hashing and storing, and what the collector has not taken yet. */
const GOAL_MIB = 150;
const EVERY_MS = 100;

type Body = AsyncGenerator<Uint8Array>;

async function* zeros(bytes: number): Body {
  for (let left = bytes; left > 0; left -= CHUNK.length) {
    await Promise.resolve();
    yield CHUNK.subarray(0, left);
  }
}

async function* form(bytes: number): Body {
  yield Buffer.from('--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n');
  yield* zeros(bytes);
  yield Buffer.from('\r\n--x--\r\n');
}

const send = async (url: string, method: string, headers: Record<string, string>, body: Body): Promise<Response> =>
  fetch(url, { method, headers, body, duplex: 'half' });

/** Nothing of it is audio: the answer that it is none means that all of it has come. */
async function posted(system: System, headers: Record<string, string>, body: Body): Promise<void> {
  const { status } = await send(`${system.httpUrl}/v1/sessions`, 'POST', headers, body);
  if (status !== 415 && status !== 202) throw new Error(`the upload was answered by ${status}`);
}

async function byTus(system: System, bytes: number): Promise<void> {
  const tus = { 'tus-resumable': '1.0.0' };
  const created = await fetch(`${system.httpUrl}/v1/uploads`, {
    method: 'POST',
    headers: { ...tus, 'upload-length': String(bytes) },
  });
  const url = `${system.httpUrl}${created.headers.get('location') ?? ''}`;
  const headers = { ...tus, 'upload-offset': '0', 'content-type': 'application/offset+octet-stream' };
  const { status } = await send(url, 'PATCH', headers, zeros(bytes));
  if (status !== 204) throw new Error(`the upload was answered by ${status}`);
  await fetch(url, { method: 'DELETE' });
}

const WAYS: Readonly<Record<string, (system: System, bytes: number) => Promise<void>>> = {
  'raw body': (system, bytes) => posted(system, { 'content-type': 'audio/wav' }, zeros(bytes)),
  'raw body, with Idempotency-Key': (system, bytes) =>
    posted(system, { 'content-type': 'audio/wav', 'idempotency-key': 'bench' }, zeros(bytes)),
  form: (system, bytes) => posted(system, { 'content-type': 'multipart/form-data; boundary=x' }, form(bytes)),
  tus: byTus,
};

/** Bytes of memory that the process has, by Linux. */
async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
}

/** The most memory that the process has while the work goes on. */
async function peakDuring(pid: number, work: () => Promise<void>): Promise<number> {
  let peak = 0;
  const look = (): void => void residentBytes(pid).then((bytes) => (peak = Math.max(peak, bytes)));
  const timer = setInterval(look, EVERY_MS);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return peak;
}

async function measure(system: System, way: string, bytes: number): Promise<Row> {
  const work = WAYS[way];
  if (work === undefined) throw new Error(`no way ${way}`);
  const { pid } = system.gateway;
  const before = await residentBytes(pid);
  const begunMs = performance.now();
  const peak = await peakDuring(pid, () => work(system, bytes));
  const perSecond = bytes / MIB / ((performance.now() - begunMs) / 1000);
  const grown = (peak - before) / MIB;
  return {
    what: `gateway's memory while a file is uploaded: ${way}`,
    measured: `${shown(before / MIB)} MiB before, ${shown(peak / MIB)} MiB at most`,
    goal: `≤ ${GOAL_MIB} MiB more`,
    reached: grown <= GOAL_MIB,
    note: `${shown(bytes / 1e9)} GB at ${shown(perSecond)} MiB/s, client and storage on the same machine`,
  };
}

export const upload: Series = {
  name: 'upload',
  run: ({ quick }) =>
    withSystem({ workers: 0, settings: { LONGHAND_PREPARE_WAIT_MS: '1000' } }, async (system) => {
      const rows: Row[] = [];
      // What every process grows by once, at its first upload, is no growth by the file.
      await measure(system, 'raw body', 50_000_000);
      for (const way of Object.keys(WAYS)) rows.push(await measure(system, way, quick ? QUICK_BYTES : BYTES));
      return rows;
    }),
};

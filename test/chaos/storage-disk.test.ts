/** A disk that is full: nothing acknowledged is lost, uploads are told so, and everything goes on once there is room. */
import { execFile } from 'node:child_process';
import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openFolder } from '../../infra/objects/folder.ts';
import { Caller, noise } from '../harness/caller.ts';
import { expectWhole, watchAcknowledged } from '../harness/invariants.ts';
import { postFile, wav } from '../harness/files.ts';
import { System } from '../harness/system.ts';
import { untilHolds } from '../harness/until.ts';

const run = promisify(execFile);
const SEGMENT_MS = 400;
const DISK_BYTES = 8 << 20;

const disk = await mkdtemp(join(tmpdir(), 'longhand-disk-'));
const suite = (await mountSmallDisk(disk)) ? describe : describe.skip;

/** A file system of its own, small, in memory; needs root, or sudo without a password. With `CI=true` it must be had. */
async function mountSmallDisk(folder: string): Promise<boolean> {
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  const mount = ['mount', '-t', 'tmpfs', '-o', `size=${DISK_BYTES},uid=${uid},gid=${gid}`, 'longhand-test', folder];
  try {
    await run(...asRoot(mount));
    return true;
  } catch (error) {
    if (process.env['CI'] === 'true') throw error;
    process.stderr.write('not run: chaos on a full disk (no file system can be mounted here)\n');
    await rm(folder, { recursive: true });
    return false;
  }
}

function asRoot(line: readonly string[]): [string, string[]] {
  const [program = '', ...args] = process.getuid?.() === 0 ? line : ['sudo', '-n', ...line];
  return [program, args];
}

suite('a full disk', () => {
  let system: System;
  const ballast = join(disk, 'ballast');

  beforeAll(async () => {
    system = await System.start({
      models: { en: { engine: 'scripted', segmentMs: SEGMENT_MS } },
      settings: {
        LONGHAND_STORAGE_DIR: join(disk, 'objects'),
        LONGHAND_ACK_INTERVAL_MS: '100',
        LONGHAND_CHECKPOINT_SEGMENTS: '5',
        LONGHAND_WORKER_SILENCE_MS: '5000',
      },
    });
  }, 120_000);
  afterAll(async () => {
    await system.stop();
    await run(...asRoot(['umount', disk]));
    await rm(disk, { recursive: true });
  }, 60_000);

  /** Takes all the room there is. */
  async function fill(): Promise<void> {
    const file = await open(ballast, 'a');
    try {
      for (;;) await file.write(Buffer.alloc(4096));
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC');
    } finally {
      await file.close();
    }
  }

  test('stops acknowledgements and refuses uploads, leaves no half files, and is survived', async () => {
    const audio = noise('full', 8000);
    const caller = new Caller(system.url, { session: 'full', audio });
    const acknowledged = watchAcknowledged(await openFolder(join(disk, 'objects')), caller, audio);
    await caller.call();
    await caller.midSentenceAfter(3);
    await fill();
    const before = { acks: caller.acks.length, partials: caller.partials };
    await untilHolds(async () => (await fetch(`${system.httpUrl}/readyz`)).status === 503);
    const { status, body } = await postFile(system, wav(noise('upload', 2000)), '?session=upload-full');
    expect({ status, code: body['code'], retryable: body['retryable'] }).toEqual({
      status: 507,
      code: 'storage_full',
      retryable: true,
    });
    await untilHolds(() => caller.partials > before.partials + 5);
    // One stretch may have found its room before.
    expect(caller.acks.length - before.acks).toBeLessThanOrEqual(1);
    expect((await fetch(`${system.httpUrl}/livez`)).status).toBe(200);
    await rm(ballast);
    await caller.done();
    expect(caller.reconnects).toBe(0);
    expect(caller.acks.length).toBeGreaterThan(before.acks + 1);
    expect(await acknowledged()).toBeGreaterThan(5);
    await expectWhole(system, caller, audio, SEGMENT_MS);
    expect(await readdir(join(disk, 'objects/.unfinished'))).toEqual([]);
    expect((await postFile(system, wav(noise('upload', 2000)), '?session=upload-later')).status).toBe(202);
  }, 90_000);
});

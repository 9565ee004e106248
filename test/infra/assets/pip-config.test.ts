import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configuredIndexes, parsePipConfig } from '../../../infra/assets/pip-config.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'longhand-pip-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const bare = () => ({ HOME: home, XDG_CONFIG_DIRS: join(home, 'none') });

async function configured(folder: string, ini: string): Promise<void> {
  await mkdir(join(home, folder), { recursive: true });
  await writeFile(join(home, folder, 'pip.conf'), ini);
}

test('keys are read with dash or underscore, in global and download, over several lines', () => {
  const ini =
    '# c\n[global]\nindex_url = https://a.test/simple\n[install]\nindex-url=https://no.test\n[download]\nextra-index-url =\n  https://b.test/s\n  https://c.test/s\n';
  expect(parsePipConfig(ini)).toMatchObject({
    'index-url': ['https://a.test/simple'],
    'extra-index-url': ['https://b.test/s', 'https://c.test/s'],
  });
});

test('PIP_INDEX_URL wins over every file', async () => {
  await configured('.config/pip', '[global]\nindex-url = https://file.test/simple\n');
  expect(await configuredIndexes({ ...bare(), PIP_INDEX_URL: 'https://env.test/simple' })).toEqual([
    'https://env.test/simple',
  ]);
});

test('PIP_CONFIG_FILE wins over the user file, and what it leaves out still holds', async () => {
  await configured(
    '.config/pip',
    '[global]\nindex-url = https://user.test/s\nextra-index-url = https://extra.test/s\n',
  );
  await configured('named', '[global]\nindex-url = https://named.test/s\n');
  expect(await configuredIndexes({ ...bare(), PIP_CONFIG_FILE: join(home, 'named', 'pip.conf') })).toEqual([
    'https://named.test/s',
    'https://extra.test/s',
  ]);
});

test('PIP_CONFIG_FILE=/dev/null turns all files off', async () => {
  await configured('.config/pip', '[global]\nindex-url = https://user.test/s\n');
  expect(await configuredIndexes({ ...bare(), PIP_CONFIG_FILE: '/dev/null' })).toEqual([]);
});

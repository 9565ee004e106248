/** The documents say what is so: settings, tests and files they name are there. */
import { access, readFile } from 'node:fs/promises';
import { describeConfig, readConfig } from '../../infra/config.ts';
import { settingsMarkdown } from '../../workers/cli/config.ts';

const root = new URL('../../', import.meta.url);
const read = (path: string): Promise<string> => readFile(new URL(path, root), 'utf8');
const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'SECURITY.md',
  'docs/architecture.md',
  'docs/bad-input.md',
  'docs/protocol.md',
  'docs/scaling.md',
  'docs/webhooks.md',
];

test('README.md holds the table of settings, as `npx longhand config --markdown` prints it', async () => {
  const between = /<!-- settings:start[^>]*-->\n([\s\S]*?)<!-- settings:end -->/.exec(await read('README.md'))?.[1];
  expect(between?.trim()).toBe(settingsMarkdown(describeConfig(readConfig({}))).trim());
});

test.each(PAGES)('%s: every file it links to is there', async (page) => {
  const links = [...(await read(page)).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path = '']) => path);
  const missing = await Promise.all(
    links.map(async (path) => {
      const isThere = await access(new URL(path, new URL(page, root))).then(
        () => true,
        () => false,
      );
      return isThere ? [] : [path];
    }),
  );
  expect(missing.flat()).toEqual([]);
});

test.each(PAGES)('%s: every test it names in a table is a test of the file beside it', async (page) => {
  const named = [...(await read(page)).matchAll(/\| `([^`|]+)` \(\[[^\]]+\]\(([^)]+)\)[^)|]*\) \|/g)];
  for (const [, title = '', path = ''] of named) {
    const source = await readFile(new URL(path, new URL(page, root)), 'utf8');
    expect({ title, isThere: source.includes(`'${title}'`) }).toEqual({ title, isThere: true });
  }
  if (page === 'README.md' || page === 'docs/bad-input.md') expect(named.length).toBeGreaterThan(10);
});

test('every setting, file and folder that docs/architecture.md names in code type is there', async () => {
  const text = await read('docs/architecture.md');
  const settings = describeConfig(readConfig({})).map(({ name }) => name);
  const unknown = [...text.matchAll(/LONGHAND_[A-Z_0-9]+/g)]
    .map(([name]) => name)
    .filter((name) => !settings.includes(name));
  expect(unknown).toEqual([]);
  const paths = [...text.matchAll(/`((?:workflows|activities|gateway|workers|infra|test)\/[\w./-]*)`/g)];
  expect(paths.length).toBeGreaterThan(20);
  for (const [, path = ''] of paths) await access(new URL(path, root));
});

/** The table of parameters, and the page that prints it. */
import { readFile } from 'node:fs/promises';
import { parameterTable, readParameters } from '../../../../gateway/dialects/deepgram/parameters.ts';

const PAGE = new URL('../../../../docs/dialects/deepgram.md', import.meta.url);

test('docs/dialects/deepgram.md prints the table as it is', async () => {
  const page = await readFile(PAGE, 'utf8');
  const [, printed] = /<!-- parameters:start -->\n([^]*)<!-- parameters:end -->/.exec(page) ?? [];
  const cells = (table: string) => table.replaceAll(/-{3,}/g, '---').replaceAll(/ +/g, ' ').trim();
  expect(cells(printed ?? '')).toBe(parameterTable());
});

/** Query parameters that the SDK's types know (5.13.0), of connections and of requests. */
async function known(file: string, from: RegExp): Promise<string[]> {
  const types = await readFile(
    new URL(`../../../../node_modules/@deepgram/sdk/dist/cjs/${file}`, import.meta.url),
    'utf8',
  );
  const [body = ''] = from.exec(types) ?? [];
  return [...body.matchAll(/^ +([a-z_]+)\??: /gm)].map(([, name]) => name ?? '');
}

const LISTEN = 'api/resources/listen/resources/v1';
/** Of the connection itself, not of its address. */
const OPTIONS = ['protocols', 'headers', 'debug'];

test.each([
  ['live', `${LISTEN}/client/Client.d.ts`, /interface ConnectArgs \{[^]*?\n {4}\}/],
  ['file', `${LISTEN}/resources/media/client/requests/MediaTranscribeRequestOctetStream.d.ts`, /interface [^]*?\n\}/],
] as const)('every parameter that the SDK has for %s requests is in the table', async (endpoint, file, from) => {
  const names = (await known(file, from)).filter((name) => !OPTIONS.includes(name));
  expect(names.length).toBeGreaterThan(25);
  const unknown = names.filter((name) => {
    try {
      readParameters(new URLSearchParams({ [name]: 'false' }), endpoint);
      return false;
    } catch (error) {
      return /is no parameter/.test((error as Error).message);
    }
  });
  expect(unknown).toEqual([]);
});

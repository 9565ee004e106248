/** Finds a wheel on a Python index: PEP 503 (HTML) and PEP 691 (JSON). */
import type { Wheel } from './asset.ts';
import { download, readText } from './download.ts';
import { shownUrl } from './fault.ts';

const ACCEPT = 'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1';

/** Project names are compared in lower case with `-`, `_` and `.` alike (PEP 503). */
const normalized = (name: string): string => name.toLowerCase().replace(/[-_.]+/g, '-');

/** Whether a file name is this wheel: `name-version-python-abi-platform.whl` (PEP 427), platforms joined by dots. */
export function isWheel(fileName: string, wheel: Wheel): boolean {
  const parts = /^(.+?)-([^-]+)-(?:\d[^-]*-)?[^-]+-[^-]+-([^-]+)\.whl$/.exec(fileName);
  if (parts === null) return false;
  const [, project = '', version, platforms = ''] = parts;
  return (
    normalized(project) === normalized(wheel.project) &&
    version === wheel.version &&
    platforms.split('.').includes(wheel.platform)
  );
}

const entities: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&quot;': '"',
  '&#43;': '+',
  '&lt;': '<',
  '&gt;': '>',
};

const hrefsOfHtml = (html: string): string[] =>
  [...html.matchAll(/<a\s[^>]*?href\s*=\s*["']([^"']+)["']/gi)].map(([, href = '']) =>
    href.replace(/&(amp|quot|#43|lt|gt);/g, (entity) => entities[entity] ?? entity),
  );

function hrefsOfJson(json: string): string[] {
  const page: unknown = JSON.parse(json);
  if (typeof page !== 'object' || page === null || !('files' in page) || !Array.isArray(page.files)) return [];
  return page.files.flatMap((file: unknown) =>
    typeof file === 'object' && file !== null && 'url' in file && typeof file.url === 'string' ? [file.url] : [],
  );
}

const fileNameOf = (url: URL): string => decodeURIComponent(url.pathname.split('/').at(-1) ?? '');

/** The index's own credentials hold for files on the same host. */
function withCredentials(file: URL, index: URL): string {
  if (file.host === index.host && file.username === '') {
    [file.username, file.password] = [index.username, index.password];
  }
  file.hash = '';
  return file.href;
}

/**
 * The address of a wheel.
 * @throws Error when the index does not answer or has no such wheel
 */
export async function findWheel(index: string, wheel: Wheel): Promise<string> {
  const page = `${index.replace(/\/+$/, '')}/${normalized(wheel.project)}/`;
  const answer = await download(page, { accept: ACCEPT });
  const text = await readText(answer);
  const isJson = answer.headers.get('content-type')?.includes('json') ?? false;
  const found = (isJson ? hrefsOfJson(text) : hrefsOfHtml(text))
    .map((href) => new URL(href, answer.url))
    .find((url) => isWheel(fileNameOf(url), wheel));
  if (found === undefined) {
    throw new Error(`${shownUrl(page)} has no wheel of version ${wheel.version} for ${wheel.platform}`);
  }
  return withCredentials(found, new URL(page));
}

/** The reference page, in a real browser: it shows every operation, and fetches nothing from elsewhere. */
import { fileURLToPath } from 'node:url';
import { openApiDocument } from '../../../gateway/rest/openapi.ts';
import { describeInBrowser, openBrowser } from '../../harness/browser.ts';
import { Edge } from '../../harness/edge.ts';

describeInBrowser('the reference page', () => {
  let edge: Edge;
  beforeAll(async () => (edge = await new Edge().listen()));
  afterAll(() => edge.end());

  test('shows every operation, is not complained about, and asks no other host', async () => {
    const browser = await openBrowser(fileURLToPath(new URL('../../speech/jfk.wav', import.meta.url)));
    try {
      const page = await browser.newPage({ viewport: { width: 1200, height: 1600 } });
      const complaints: string[] = [];
      const hosts = new Set<string>();
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text());
      });
      page.on('request', (request) => hosts.add(new URL(request.url()).origin));
      await page.goto(`${edge.url}/docs`);
      await page.locator('.opblock').first().waitFor();
      const { paths, webhooks } = openApiDocument() as Readonly<Record<'paths' | 'webhooks', Record<string, object>>>;
      const operations = Object.values({ ...paths, ...webhooks }).flatMap((methods) => Object.keys(methods));
      expect(await page.locator('.opblock').count()).toBe(operations.length);
      await page.locator('#operations-results-get_v1_sessions__id__events .opblock-summary').click();
      await page.getByText('lastEventId').first().waitFor();
      const picture = process.env['TEST_PICTURES'];
      if (picture !== undefined) await page.screenshot({ path: `${picture}/docs.png`, fullPage: false });
      expect(complaints).toEqual([]);
      expect([...hosts].filter((host) => host !== 'null')).toEqual([edge.url]);
    } finally {
      await browser.close();
    }
  }, 60_000);
});

test('the reference may load nothing but its own scripts, and serves nothing else of the package', async () => {
  const edge = await new Edge().listen();
  const { headers, status } = await fetch(`${edge.url}/docs`);
  expect(status).toBe(200);
  expect(headers.get('content-security-policy')).toContain("script-src 'self';");
  expect(headers.get('content-security-policy')).toContain("default-src 'none'");
  expect((await fetch(`${edge.url}/docs/package.json`)).status).toBe(404);
  expect((await fetch(`${edge.url}/docs/oauth2-redirect.html`)).status).toBe(404);
  await edge.end();
});

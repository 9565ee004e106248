/** The page in a real browser, against the real system with the real model: spoken to, given files, cut off. */
import axe from 'axe-core';
import type { AxeResults } from 'axe-core';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { describeInBrowser, openBrowser } from '../harness/browser.ts';
import { System } from '../harness/system.ts';
import { readSpeech } from '../speech/speech.ts';
import { wordErrorRate } from '../speech/word-error-rate.ts';
import { LiveClient } from '../../workers/cli/live-client.ts';

const sample = (name: string): string => fileURLToPath(new URL(`../speech/${name}`, import.meta.url));

/** Live speech through a browser's own processing of the microphone: worse than the model's own figure. */
const MAX_ERROR_RATE = 0.35;
const PATIENCE_MS = 30_000;
/** Which words come first is the model's affair. */
const ANYTHING = /\w/;

describeInBrowser('the page', () => {
  let system: System;
  let browser: Browser;
  let page: Page;
  /** What the browser complains about: errors of the page, and what its security policy has stopped. */
  const complaints: string[] = [];

  beforeAll(async () => {
    system = await System.start({
      models: { en: { engine: 'moonshine' } },
      settings: { LONGHAND_SLOTS: '1', LONGHAND_RESUME_WINDOW_MS: '60000' },
    });
  }, 120_000);
  afterAll(() => system.stop(), 30_000);

  beforeEach(async () => {
    complaints.length = 0;
    browser = await openBrowser(sample('jfk.wav'));
    page = await open('');
  }, 30_000);
  afterEach(() => browser.close());

  async function open(hash: string): Promise<Page> {
    const context = await browser.newContext({ permissions: ['microphone'] });
    const opened = await context.newPage();
    opened.setDefaultTimeout(PATIENCE_MS);
    opened.on('pageerror', (error) => complaints.push(error.message));
    opened.on('console', (message) => {
      // A refusal that the page shows in words is in the console too.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
        complaints.push(message.text());
      }
    });
    await opened.goto(`${system.httpUrl}/${hash}`);
    return opened;
  }

  const speak = (on = page): Promise<void> => on.getByRole('button', { name: 'Speak', exact: true }).click();
  const finish = (on = page): Promise<void> => on.getByRole('button', { name: 'Finish', exact: true }).click();
  const headline = (text: string, on = page): Promise<void> =>
    on.locator('#headline', { hasText: text }).waitFor({ state: 'visible' });
  const heard = (text: RegExp, on = page): Promise<void> =>
    on.locator('#finals li', { hasText: text }).first().waitFor({ state: 'visible' });
  const lines = (on = page): Promise<string[]> => on.locator('#finals li p').allTextContents();
  const sessionId = async (on = page): Promise<string> => (await on.locator('#session-id').textContent()) ?? '';

  async function committed(id: string): Promise<string[]> {
    const { segments } = (await system.json(`/v1/sessions/${id}/transcript`)) as { segments: { text: string }[] };
    return segments.map(({ text }) => text);
  }

  test('speech becomes words as it is spoken; what is stored is said; the session is read on after a reload', async () => {
    await speak();
    await headline('Connected');
    await page.locator('#partial:not(:empty)').waitFor();
    await page.locator('#stored', { hasText: /Stored up to 00:0[1-9]/ }).waitFor();
    await heard(/country/);
    await page.locator('#finals li', { hasText: /ask what you can do/i }).waitFor();
    const id = await sessionId();
    expect(new URL(page.url()).hash).toBe(`#session=${id}`);
    await finish();
    await headline('Done');
    const { text } = await readSpeech('jfk.wav');
    expect(wordErrorRate(text, (await lines()).join(' '))).toBeLessThan(MAX_ERROR_RATE);
    expect(await lines()).toEqual(await committed(id));
    expect(await page.locator('#partial').textContent()).toBe('');
    expect(await page.locator('#stored').textContent()).toMatch(/^Stored up to [\d:.]+$/);

    const shown = await lines();
    await page.reload();
    await headline('Done');
    await page
      .locator('#finals li')
      .nth(shown.length - 1)
      .waitFor();
    expect(await lines()).toEqual(shown);
    await page.locator(`#recent a[title="${id}"][aria-current]`, { hasText: 'Done' }).waitFor();
    expect(complaints).toEqual([]);
  }, 90_000);

  test('the gateway is killed in mid-sentence: the page says so, keeps what is said, and goes on with every word', async () => {
    await speak();
    await heard(ANYTHING);
    const id = await sessionId();
    await system.gateway.kill();
    await headline('Reconnecting');
    await page.locator('#stored', { hasText: /, [2-9]\.\d s unsaved/ }).waitFor();
    await system.restartGateway();
    await headline('Connected');
    await page.locator('#stored', { hasText: /(up to [\d:.]+|, 0\.\d s unsaved)$/ }).waitFor();
    await page.locator('#finals li', { hasText: /ask what you can do/i }).waitFor();
    await finish();
    await headline('Done');
    expect(await sessionId()).toBe(id);
    const { text } = await readSpeech('jfk.wav');
    expect(wordErrorRate(text, (await lines()).join(' '))).toBeLessThan(MAX_ERROR_RATE);
    expect(await lines()).toEqual(await committed(id));
    expect(complaints.filter((line) => !line.includes('WebSocket'))).toEqual([]);
  }, 90_000);

  test('a reload in mid-sentence reads on, and the session can be gone on with and finished', async () => {
    await speak();
    await heard(ANYTHING);
    const id = await sessionId();
    await page.reload();
    await heard(ANYTHING);
    await headline('Paused');
    const before = await lines();
    await page.getByRole('button', { name: 'Go on speaking' }).click();
    await headline('Connected');
    await page.locator('#finals li').nth(before.length).waitFor();
    await finish();
    await headline('Done');
    expect((await lines()).slice(0, before.length)).toEqual(before);
    expect(await lines()).toEqual(await committed(id));
    expect(complaints).toEqual([]);
  }, 90_000);

  test('a second window reads along, and takes over: the first one says so and does not fight back', async () => {
    await speak();
    await heard(ANYTHING);
    const second = await open(`#session=${await sessionId()}`);
    await heard(ANYTHING, second);
    await headline('Being spoken', second);
    await second.getByRole('button', { name: 'Finish', exact: true }).click();
    await headline('Done', second);
    await headline('Done');
    expect(await page.locator('#notice').textContent()).toContain('Another window has taken this session over');
    expect(await lines()).toEqual(await lines(second));
    expect(complaints).toEqual([]);
  }, 90_000);

  test('while all workers are busy the page tells its place, and stores what is said', async () => {
    const busy = new LiveClient({ url: system.url });
    const served = new Promise((resolve) => busy.once('started', resolve));
    busy.connect();
    await served;
    await speak();
    await headline('Waiting (place 1');
    await page.locator('#stored', { hasText: /Stored up to 00:0[1-9]/ }).waitFor();
    busy.end();
    await busy.result;
    await headline('Connected');
    await heard(ANYTHING);
    await finish();
    await headline('Done');
    expect(complaints).toEqual([]);
  }, 90_000);

  test('a file that is dropped is transcribed, and its words can be had in every format', async () => {
    const bytes = (await readFile(sample('ss0870.wav'))).toString('base64');
    // In the page's own words: its types are not ours.
    const transfer = await page.evaluateHandle(`(() => {
      const dropped = new DataTransfer();
      const data = Uint8Array.from(atob('${bytes}'), (letter) => letter.charCodeAt(0));
      dropped.items.add(new File([data], '<b>talk</b>.wav', { type: 'audio/wav' }));
      return dropped;
    })()`);
    await page.dispatchEvent('#drop', 'drop', { dataTransfer: transfer });
    await headline('Done');
    await heard(/dashwood/i);
    const { text } = await readSpeech('ss0870.wav');
    expect(wordErrorRate(text, (await lines()).join(' '))).toBeLessThan(0.15);

    const formats = page.getByRole('navigation', { name: 'Download the transcript' }).getByRole('link');
    expect(await formats.allTextContents()).toEqual(['txt', 'json', 'srt', 'vtt']);
    const [download] = await Promise.all([page.waitForEvent('download'), formats.last().click()]);
    expect(download.suggestedFilename()).toBe(`${await sessionId()}.vtt`);
    expect(await readFile(await download.path(), 'utf8')).toMatch(/^WEBVTT\n\n[\s\S]*Dashwood/);
    expect(complaints).toEqual([]);
  }, 90_000);

  test('a file that is no audio is refused in plain words', async () => {
    const name = '<img src=x onerror=alert(1)>.wav';
    const file = { name, mimeType: 'audio/wav', buffer: Buffer.from('this is no audio, it is a sentence') };
    await page.setInputFiles('#file', file);
    const refusal = page.getByRole('alert').filter({ hasText: 'format' });
    await refusal.waitFor();
    expect(await refusal.textContent()).toContain(name);
    expect(await page.locator('#uploads img').count()).toBe(0);
    await refusal.getByRole('button', { name: 'Dismiss' }).click();
    expect(await page.locator('#uploads li').count()).toBe(0);
    expect(complaints).toEqual([]);
  }, 60_000);

  test.each(['light', 'dark'] as const)(
    'what is shown can be read and used by everybody: %s, 360 pixels',
    async (colorScheme) => {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width: 360, height: 740 });
      await page.setInputFiles('#file', sample('ss0880.wav'));
      await headline('Done');
      await heard(/man/);
      const widths = await page.evaluate<number[]>('[document.documentElement.scrollWidth, innerWidth]');
      expect(widths[0]).toBe(widths[1]);
      expect(await violations(page)).toEqual([]);
      await page.goto(system.httpUrl);
      expect(await violations(page)).toEqual([]);
    },
    60_000,
  );
});

/** What axe finds against WCAG 2.2 A and AA, contrast included. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations: found } = await page.evaluate<AxeResults>('axe.run()');
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

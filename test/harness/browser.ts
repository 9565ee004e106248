/** Debian's Chromium, with a recording in place of a microphone. */
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);

/** Where there is no browser the tests of the page are left out, and say so; under CI that is a failure. */
export function describeInBrowser(name: string, tests: () => void): void {
  if (CHROMIUM !== undefined) {
    describe(name, tests);
    return;
  }
  const line = `NOT RUN: ${name}: there is no Chromium (apt-get install chromium)`;
  process.stderr.write(`${line}\n`);
  if (process.env['CI'] === 'true') {
    test(name, () => {
      throw new Error(line);
    });
  } else describe.skip(name, tests);
}

/** @param recording WAV file that the microphone hears once; then it is silent */
export function openBrowser(recording: string): Promise<Browser> {
  return chromium.launch({
    ...(CHROMIUM === undefined ? {} : { executablePath: CHROMIUM }),
    args: [
      '--no-sandbox',
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      `--use-file-for-fake-audio-capture=${recording}%noloop`,
    ],
  });
}

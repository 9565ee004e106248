/** `longhand config`: every setting, its value, its default and what it means. */
import type { Command } from 'commander';
import { describeConfig } from '../../infra/config.ts';
import type { SettingDescription } from '../../infra/config.ts';
import type { ReadConfig } from './server-options.ts';

export function configCommand(program: Command, readConfig: ReadConfig): void {
  program
    .command('config')
    .description('list every setting with its value, its default and its meaning')
    .option('--markdown', 'as the table of the README: name, default, meaning')
    .option('--json', 'as JSON')
    .action((options: { markdown?: true; json?: true }) => {
      const settings = describeConfig(readConfig());
      if (options.json) process.stdout.write(`${JSON.stringify(settings, null, 2)}\n`);
      else process.stdout.write(options.markdown ? settingsMarkdown(settings) : settingsText(settings));
    });
}

/** Two lines for each: some values and most meanings are too long for columns. */
export function settingsText(settings: readonly SettingDescription[]): string {
  return settings
    .map((setting) => `${setting.name}=${setting.value}${originOf(setting)}\n    ${setting.meaning}\n`)
    .join('');
}

function originOf({ isDefault, defaultValue }: SettingDescription): string {
  if (isDefault) return '  (default)';
  return defaultValue === '' ? '  (default: none)' : `  (default: ${defaultValue})`;
}

/** The README's table; values of this machine are not in it. */
export function settingsMarkdown(settings: readonly SettingDescription[]): string {
  const escape = (text: string): string => text.replaceAll('|', '\\|');
  const rows = settings.map(({ name, defaultValue, meaning }) => {
    const shown = defaultValue === '' ? '' : `\`${escape(defaultValue)}\``;
    return `| \`${name}\` | ${shown} | ${escape(meaning)} |\n`;
  });
  return `| setting | default | meaning |\n| --- | --- | --- |\n${rows.join('')}`;
}

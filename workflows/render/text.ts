/** Text as it stands on a line. */

export const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

/** One progress bar for each file, on a terminal; nothing elsewhere. */
import { MultiBar } from 'cli-progress';

export interface Row {
  /** @param share 0 to 1. @param what is being done, in a word or two */
  update(share: number, what: string): void;
  end(): void;
}

export interface Board {
  readonly isShown: boolean;
  row(name: string): Row;
  /** Takes the bars away. */
  close(): void;
}

const NAME_WIDTH = 28;
const BAR_WIDTH = 24;

const noBoard: Board = {
  isShown: false,
  row: () => ({ update: () => undefined, end: () => undefined }),
  close: () => undefined,
};

export function progressBoard(stream: NodeJS.WriteStream): Board {
  if (!stream.isTTY) return noBoard;
  const bars = new MultiBar({
    stream,
    format: '  {name} {bar} {share}% {what}',
    barsize: BAR_WIDTH,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    clearOnComplete: true,
    hideCursor: true,
    gracefulExit: false,
  });
  return {
    isShown: true,
    row(name) {
      const fixed = { name: fit(name) };
      const bar = bars.create(1, 0, { ...fixed, share: shown(0), what: 'waiting' });
      return {
        update: (share, what) => bar.update(share, { ...fixed, share: shown(share), what }),
        end: () => bars.remove(bar),
      };
    },
    close() {
      // A second time it would wipe what was printed since.
      if (bars.isActive) bars.stop();
    },
  };
}

const shown = (share: number): string => String(Math.floor(share * 100)).padStart(3);

/** The end of a name tells more than its beginning. */
const fit = (name: string): string =>
  name.length <= NAME_WIDTH ? name.padEnd(NAME_WIDTH) : `…${name.slice(1 - NAME_WIDTH)}`;

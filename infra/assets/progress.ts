/** How a fetch shows what it does: a bar on a terminal, plain lines elsewhere. */
import { SingleBar } from 'cli-progress';

export interface Bar {
  /** So many more bytes have come. */
  readonly add: (bytes: number) => void;
  readonly end: () => void;
}

export interface Progress {
  /** `totalBytes` is null when unknown. */
  start(label: string, totalBytes: number | null): Bar;
  say(line: string): void;
}

export const silentProgress: Progress = {
  start: () => ({ add: () => undefined, end: () => undefined }),
  say: () => undefined,
};

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

function terminalBar(stream: NodeJS.WriteStream, label: string, totalBytes: number | null): Bar {
  const total = totalBytes ?? 0;
  let done = 0;
  const format = total > 0 ? `  ${label} {bar} {percentage}% {done}/{all} MB` : `  ${label} {done} MB`;
  const bar = new SingleBar({ stream, format, barsize: 24, hideCursor: true, clearOnComplete: true });
  bar.start(Math.max(total, 1), 0, { done: '0.0', all: megabytes(total) });
  return {
    add: (bytes) => {
      done += bytes;
      bar.update(Math.min(done, Math.max(total, 1)), { done: megabytes(done) });
    },
    end: () => bar.stop(),
  };
}

/** Progress on a stream such as `process.stderr`. */
export function streamProgress(stream: NodeJS.WriteStream): Progress {
  const say = (line: string): void => void stream.write(`${line}\n`);
  return {
    say,
    start(label, totalBytes) {
      if (stream.isTTY) return terminalBar(stream, label, totalBytes);
      say(`  ${label}${totalBytes === null ? '' : `, ${megabytes(totalBytes)} MB`} …`);
      return silentProgress.start(label, totalBytes);
    },
  };
}

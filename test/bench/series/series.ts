/** What every series is: a name for `--only`, and a run that gives rows of the table. */
import type { Row } from '../table.ts';

export interface Pace {
  /** Short runs, for trying; the figures are worth little. */
  readonly quick: boolean;
}

export interface Series {
  readonly name: string;
  run(pace: Pace): Promise<Row[]>;
}

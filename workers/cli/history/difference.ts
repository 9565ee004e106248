/** Reads what Temporal's SDK says of a replay that failed: a Rust debug print around one sentence. */

export interface Explanation {
  /** One sentence, without payloads. */
  readonly message: string;
  /** The event it names, if it does. */
  readonly eventId: number | null;
  /** Names in quotes, e.g. the activity of the history and that of the code. */
  readonly quoted: readonly string[];
}

const LONGEST = 300;
/** Plainer than the SDK's own sentence, of which only the next event's type is kept. */
const NOT_RECORDED = 'the code gives a command that the history does not hold; there it goes on with ';

export function explain(fault: string): Explanation {
  const said = /message: "((?:[^"\\]|\\.)*)"/.exec(fault)?.[1] ?? fault;
  const id = /HistoryEvent(?:\(id|\s*\{\s*event_id): (\d+)/.exec(said) ?? /\bevent id: (\d+)/.exec(said);
  const sentence = said
    .replace(/^\[TMPRL\d+\] /, '')
    .replace(/^(Nondeterminism error|Fatal error in workflow machines): /, '')
    // An event printed whole holds its payloads: its type is enough.
    .replace(/HistoryEvent\s*\{.*?event_type: (\w+).*$/s, '$1')
    .replace(/HistoryEvent\(id: \d+, (\w+)\)/g, '$1')
    .replace(/^During event handling, this event had an initial command ID.*?: /, NOT_RECORDED)
    .split(/\\n|\n/)[0];
  return {
    message: (sentence ?? '').slice(0, LONGEST),
    eventId: id === null ? null : Number(id[1]),
    quoted: [...said.matchAll(/'([^']{1,100})'/g)].map(([, name]) => name ?? ''),
  };
}

/** The SDK's words for a replay that failed, as they were seen with 1.24, become one sentence and an event. */
import { explain } from '../../../../workers/cli/history/difference.ts';

const around = (message: string): string =>
  `Replay failed with a nondeterminism error. Details: Workflow activation completion failed: Failure { failure: Some(Failure { message: "${message}", source: "", stack_trace: "" }) }`;

test('an event that is named is found', () => {
  const fault = around(
    '[TMPRL1100] Nondeterminism error: Timer machine does not handle this event: HistoryEvent(id: 7, ActivityTaskScheduled)',
  );
  expect(explain(fault)).toEqual({
    message: 'Timer machine does not handle this event: ActivityTaskScheduled',
    eventId: 7,
    quoted: [],
  });
});

test('an event that is not named has the names it was told by', () => {
  const fault = around(
    "[TMPRL1100] Nondeterminism error: Activity type of scheduled event 'a' does not match activity type of activity command 'b'",
  );
  expect(explain(fault)).toMatchObject({ eventId: null, quoted: ['a', 'b'] });
});

test('an event that is printed whole is not passed on: it holds what was said', () => {
  const fault = around(
    '[TMPRL1100] Nondeterminism error: During event handling, this event had an initial command ID but we could not find a matching command for it: HistoryEvent { event_id: 17, event_time: None, event_type: WorkflowTaskStarted, attributes: Some(secret words) }',
  );
  expect(explain(fault)).toEqual({
    message: 'the code gives a command that the history does not hold; there it goes on with WorkflowTaskStarted',
    eventId: 17,
    quoted: [],
  });
});

test('what nobody foresaw is passed on, its first line and no more than 300 characters', () => {
  expect(explain(`${'a'.repeat(400)}\nstack`).message).toBe('a'.repeat(300));
});

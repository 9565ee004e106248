/**
 * The results of one live session, sent to one receiver as they come: one by one, in order, each until it is received. One
 * that is given up holds the others back as a dead letter, so that none is ever skipped; sent again, it goes on from there.
 */
import { condition, continueAsNew, defineSignal, proxyActivities, setHandler, sleep } from '@temporalio/workflow';
import { NEWS, resultsOf } from './contract.ts';
import type { DeliveryActivities, MessageView, ResultsInput, ResultsNews, SessionEnd } from './contract.ts';
import { afterAttempt, deliveryView, sentAgain } from './delivery.ts';
import type { DeliveryState } from './delivery.ts';
import { Message, deliveryOptions, runCourse } from './message.ts';

const newsSignal = defineSignal<[ResultsNews]>(NEWS);

/** Plain JSON: carried through continue-as-new. */
export interface ResultsState {
  readonly delivery: DeliveryState;
  readonly told: number;
  readonly count: number;
  readonly end: SessionEnd | null;
  readonly heardAtMs: number;
}

class Results {
  readonly #input: ResultsInput;
  readonly message: Message;
  /** Finals that are received, and after all of them the end. */
  #told: number;
  #count: number;
  #end: SessionEnd | null;
  #heardAtMs: number;

  constructor(input: ResultsInput, carried: ResultsState | undefined) {
    this.#input = input;
    this.message = new Message({ ...input, tenant: input.ref.tenant }, carried?.delivery);
    this.#told = carried?.told ?? 0;
    this.#count = carried?.count ?? 0;
    this.#end = carried?.end ?? null;
    this.#heardAtMs = carried?.heardAtMs ?? Date.now();
  }

  get state(): ResultsState {
    const [told, count, end, heardAtMs] = [this.#told, this.#count, this.#end, this.#heardAtMs];
    return { delivery: this.message.state, told, count, end, heardAtMs };
  }

  /** Signals of one workflow need not come in their order. */
  hear({ count, end }: ResultsNews): void {
    this.#count = Math.max(this.#count, count);
    this.#end ??= end;
    this.#heardAtMs = Date.now();
  }

  view(): MessageView {
    const { ref, target } = this.#input;
    const { url, receiver } = target;
    const shown = deliveryView(this.message.state);
    return {
      ...shown,
      nextAttemptAt: this.#hasMore ? shown.nextAttemptAt : null,
      ...{ url, receiver, type: 'session.results', session: ref.id, event: null },
      results: Math.min(this.#told, this.#count),
    };
  }

  get #hasMore(): boolean {
    return this.#told < resultsOf({ count: this.#count, end: this.#end });
  }

  async #attempt(): Promise<void> {
    const { ref, messageId, target } = this.#input;
    const startMs = Date.now();
    const { deliverResults } = proxyActivities<DeliveryActivities>(deliveryOptions(ref.tenant));
    const [told, count, end] = [this.#told, this.#count, this.#end];
    const delivery = await deliverResults({ ref, messageId, target, told, count, end });
    const nowMs = Date.now();
    // Each result has the whole schedule.
    const before = delivery.told > told ? sentAgain(this.message.state, startMs) : this.message.state;
    this.#told = delivery.told;
    const now = { startMs, nowMs, random: Math.random() };
    const after = afterAttempt(before, delivery.outcome, target.retryMs, now);
    const isOver = this.#end !== null && !this.#hasMore;
    await this.message.settle(after.phase.name === 'delivered' && !isOver ? sentAgain(after, nowMs) : after);
  }

  /** Waits for what comes next; false when nothing does. */
  async goOn(): Promise<boolean> {
    const { phase } = this.message.state;
    switch (phase.name) {
      case 'pending':
        if (!this.#hasMore) return this.#wait();
        if (phase.atMs > Date.now()) await sleep(phase.atMs - Date.now());
        await this.#attempt();
        return true;
      case 'delivered':
        return false;
      case 'dead':
        return this.message.isWantedAgain(phase);
      default:
        return phase satisfies never;
    }
  }

  async #wait(): Promise<true> {
    const leftMs = Math.max(1, this.#heardAtMs + this.#input.maxSessionMs - Date.now());
    if (await condition(() => this.#hasMore, leftMs)) return true;
    const phase = { name: 'dead', reason: 'unfinished', sinceMs: Date.now() } as const;
    await this.message.settle({ ...this.message.state, phase });
    return true;
  }
}

export async function results(input: ResultsInput, carried?: ResultsState): Promise<MessageView> {
  const following = new Results(input, carried);
  following.message.listen(() => following.view());
  setHandler(newsSignal, (news) => following.hear(news));
  if ((await runCourse(() => following.goOn())) === 'rotate') {
    return await continueAsNew<typeof results>(input, following.state);
  }
  return following.view();
}

/** Calls to Temporal: none is waited for longer than the deadline, and each fails with what a client may see. */
import type { Client } from '@temporalio/client';
import { Failure } from '../failures.ts';
import { asOurs, isGone } from './errors.ts';

export class Calls {
  readonly #client: Client;
  readonly #deadlineMs: number;
  readonly #none: string;

  /**
   * @param deadlineMs longest wait for one answer
   * @param none what is said where there is no such workflow
   */
  constructor(client: Client, deadlineMs: number, none = 'no such session') {
    this.#client = client;
    this.#deadlineMs = deadlineMs;
    this.#none = none;
  }

  /** @throws Failure, or what is nobody's fault but ours as it is */
  async ask<T>(call: () => Promise<T>, none = this.#none): Promise<T> {
    try {
      return await this.within(call);
    } catch (error) {
      throw isGone(error) ? new Failure('not_found', none) : asOurs(error);
    }
  }

  /** As {@link ask}; null where there is no such workflow, or it has ended and hears no more. */
  async askIfThere<T>(call: () => Promise<T>): Promise<T | null> {
    try {
      return await this.within(call);
    } catch (error) {
      if (isGone(error)) return null;
      throw asOurs(error);
    }
  }

  /** Fails with Temporal's own errors. */
  within<T>(call: () => Promise<T>): Promise<T> {
    return this.#client.withDeadline(Date.now() + this.#deadlineMs, call);
  }
}

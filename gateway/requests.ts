/** How often a tenant may ask a gateway, by HTTP or for a WebSocket: there is one tenant, and so one rate. */
import type { RequestHandler } from 'express';
import { Failure } from './failures.ts';
import { Rate } from './rate.ts';

export class Requests {
  readonly #perSecond: number;
  readonly #rate: Rate;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#rate = new Rate(perSecond);
  }

  /** @throws Failure `rate_limit` for one too many */
  count(): void {
    if (this.#rate.take()) return;
    throw new Failure('rate_limit', `more than ${this.#perSecond} requests a second came: ask again later`);
  }

  /** To be put before what is counted. */
  readonly counted: RequestHandler = (_request, _response, next) => {
    this.count();
    next();
  };
}

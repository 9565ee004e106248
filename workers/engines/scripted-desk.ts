import { BYTES_PER_MS } from './limits.ts';

type Order = Uint8Array | 'finalize' | 'finish';

/** Whoever has orders at the desk. */
interface Customer {
  perform(order: Order): void;
}

/** 100 ms of audio: what one customer gets at a time. */
const TURN_BYTES = 100 * BYTES_PER_MS;

/** Lateness of timers that is made up for; more (a stopped process) is lost time. */
const LATE_MS = 50;

/**
 * One simulated engine, busy with one thing at a time: customers take turns of 100 ms of audio, and each turn takes
 * `factor` times the length of its audio. Orders of one customer are done in order.
 */
export class BusyDesk {
  private readonly factor: number;
  private readonly orders = new Map<Customer, Order[]>();
  private timer: NodeJS.Timeout | null = null;
  /** When the engine is free again: not the timers' say, which come up to some milliseconds late. */
  private freeAtMs = 0;

  constructor(factor: number) {
    this.factor = factor;
  }

  enqueue(customer: Customer, order: Order): void {
    const waiting = this.orders.get(customer);
    if (waiting === undefined) this.orders.set(customer, [order]);
    else waiting.push(order);
    if (this.timer !== null) return;
    this.freeAtMs = performance.now();
    this.startTurn();
  }

  leave(customer: Customer): void {
    this.orders.delete(customer);
  }

  close(): void {
    this.orders.clear();
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private startTurn(): void {
    const first = this.orders.entries().next();
    if (first.done) {
      this.timer = null;
      return;
    }
    const [customer, waiting] = first.value;
    // To the end of the line, unless nothing is left.
    this.orders.delete(customer);
    const turn = takeTurn(waiting);
    if (waiting.length > 0) this.orders.set(customer, waiting);
    const costMs = typeof turn === 'string' ? 0 : (turn.length / BYTES_PER_MS) * this.factor;
    const now = performance.now();
    this.freeAtMs = Math.max(now - LATE_MS, this.freeAtMs) + costMs;
    this.timer = setTimeout(
      () => {
        customer.perform(turn);
        this.startTurn();
      },
      Math.max(0, this.freeAtMs - now),
    );
  }
}

function takeTurn(waiting: Order[]): Order {
  const order = waiting[0] ?? new Uint8Array();
  if (typeof order === 'string' || order.length <= TURN_BYTES) return waiting.shift() ?? order;
  waiting[0] = order.subarray(TURN_BYTES);
  return order.subarray(0, TURN_BYTES);
}

/**
 * The slots of a worker, as Temporal's SDK sees them: a poll for a new lease stands only while a slot is free, so waiting
 * for a worker is waiting in Temporal's queue. A slot is taken by a lease, and for the moment by a poll that may bring one.
 */
import type { CustomSlotSupplier, SlotPermit, SlotReserveContext } from '@temporalio/worker';

interface Waiter {
  readonly grant: () => void;
}

export class LeaseSlots implements CustomSlotSupplier<never> {
  readonly type = 'custom';
  readonly #slots: number;
  readonly #leases: () => number;
  readonly #waiters: Waiter[] = [];
  #permits = 0;

  /** @param leases how many slots are held right now; no fewer than `slots` while no new lease is wanted. */
  constructor(slots: number, leases: () => number) {
    this.#slots = slots;
    this.#leases = leases;
  }

  /** A lease has ended, or a permit was given back: the next waiting poll may stand. */
  changed(): void {
    while (this.#waiters.length > 0 && this.#isFree()) {
      this.#permits += 1;
      this.#waiters.shift()?.grant();
    }
  }

  reserveSlot(_context: SlotReserveContext, abortSignal: AbortSignal): Promise<SlotPermit> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { grant: () => resolve({}) };
      const abort = (): void => {
        const index = this.#waiters.indexOf(waiter);
        if (index >= 0) this.#waiters.splice(index, 1);
        reject(Object.assign(new Error('the poll was given up'), { name: 'AbortError' }));
      };
      abortSignal.addEventListener('abort', abort, { once: true });
      this.#waiters.push(waiter);
      this.changed();
    });
  }

  tryReserveSlot(): SlotPermit | null {
    if (!this.#isFree()) return null;
    this.#permits += 1;
    return {};
  }

  markSlotUsed(): void {
    // A permit counts from its reservation on.
  }

  releaseSlot(): void {
    this.#permits -= 1;
    this.changed();
  }

  #isFree(): boolean {
    return this.#permits + this.#leases() < this.#slots;
  }
}

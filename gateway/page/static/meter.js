// The numbers of the last minute: messages a second in both directions, and the
// round trip of our own. No DOM and no clock; time comes in as milliseconds.

const SAMPLES = 500; // of one second; own messages are at most 200 a second

/** The value that the fraction q of sorted samples does not exceed (nearest rank). */
export function percentile(sorted, q) {
  if (sorted.length === 0) return null;
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))];
}

export class Meter {
  #seconds;
  #ring; // one slot a second, used again when its time comes round

  /** Remembers the last so many whole seconds, and the one that is running. */
  constructor(seconds = 60) {
    this.#seconds = seconds;
    this.#ring = Array.from({ length: seconds + 1 }, () => empty(-1));
  }

  received(ms) { this.#slot(ms).received++; }
  sent(ms) { this.#slot(ms).sent++; }

  /** Notes a round trip, in ms, that ended at ms. */
  latency(ms, roundTrip) {
    const { samples } = this.#slot(ms);
    if (samples.length < SAMPLES) samples.push(roundTrip);
  }

  /** The last whole seconds, oldest first: arrays received, sent, p50, p99, with null
   * where nothing came back, and over all of them overall.p50 and overall.p99. The
   * running second is left out: drawn, it would always look like a drop. */
  series(ms) {
    const current = Math.floor(ms / 1000);
    const slots = [];
    for (let s = current - this.#seconds; s < current; s++) {
      const slot = this.#at(s);
      slots.push(slot.second === s ? slot : empty(s));
    }
    const sorted = slots.map((slot) => ascending(slot.samples));
    const all = ascending(sorted.flat());
    return {
      received: slots.map((slot) => slot.received),
      sent: slots.map((slot) => slot.sent),
      p50: sorted.map((samples) => percentile(samples, 0.5)),
      p99: sorted.map((samples) => percentile(samples, 0.99)),
      overall: { p50: percentile(all, 0.5), p99: percentile(all, 0.99) },
    };
  }

  #at(second) { return this.#ring[second % this.#ring.length]; }

  #slot(ms) {
    const second = Math.floor(ms / 1000);
    let slot = this.#at(second);
    if (slot.second !== second) {
      slot = empty(second);
      this.#ring[second % this.#ring.length] = slot;
    }
    return slot;
  }
}

const empty = (second) => ({ second, received: 0, sent: 0, samples: [] });

const ascending = (numbers) => [...numbers].sort((a, b) => a - b);

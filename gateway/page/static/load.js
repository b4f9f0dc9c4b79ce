// A load that a browser can make: so many messages a second, for so many seconds.

const TICK = 50; // ms
const MOST = { rate: 200, seconds: 30 };

/** How many messages may be sent after another ms milliseconds, credit being what was
 * left before: a token bucket that holds one second. A hidden tab's timers come once
 * a second, and then what is due goes in one piece; of a longer sleep the arrears are
 * forgotten, so that no window ever sends more than rate in a second. */
export const earn = (credit, ms, rate) => Math.min(rate, credit + (ms * rate) / 1000);

export class Load {
  #timer = 0;
  #ended;

  /** ended(text) is called once for every start that began something. */
  constructor(ended) { this.#ended = ended; }

  get running() { return this.#timer !== 0; }

  /** Calls send(i, total) for each message. send returns false when it cannot, which
   * ends the load: a load that runs ahead of the network only fills memory. */
  start({ rate, seconds }, send) {
    if (this.running) return;
    rate = Math.min(rate, MOST.rate);
    const total = rate * Math.min(seconds, MOST.seconds);
    let done = 0;
    let credit = 0;
    let last = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      credit = earn(credit, now - last, rate);
      last = now;
      for (; credit >= 1 && done < total; credit--) {
        if (!send(done + 1, total)) return this.stop(`Load stopped after ${done} of ${total} messages: the connection does not take more.`);
        done++;
      }
      if (done === total) this.stop(`Load done: ${total} messages sent.`);
    }, TICK);
  }

  stop(text) {
    if (!this.running) return;
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#ended(text);
  }
}

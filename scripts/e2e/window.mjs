// One window of the browser with the demo page in it, and what a person does there.

import { eventually } from "./gateway.mjs";

export class Window {
  page;
  name; // who sits there
  complaints = []; // what the page had to complain about
  mayFail = false; // while the gateway is away, failed connections are no complaint

  /** Opens a window in a context of its own: nothing is shared with another. */
  static async open(browser, name, options = {}) {
    const w = new Window();
    w.name = name;
    const context = await browser.newContext({ viewport: { width: 1400, height: 850 }, locale: "en-GB", ...options });
    w.page = await context.newPage();
    w.page.setDefaultTimeout(20_000);
    w.page.on("pageerror", (err) => w.complaints.push(`error: ${err.stack ?? err}`));
    w.page.on("console", (m) => {
      const failure = /WebSocket connection to .* failed/.test(m.text());
      if (!(failure && w.mayFail)) w.complaints.push(`${m.type()}: ${m.text()}`);
    });
    // Violations are on the console as well, but not in every version's words.
    await w.page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`));
    });
    return w;
  }

  open(url) { return this.page.goto(url); }
  close() { return this.page.context().close(); }

  text(selector) { return this.page.innerText(selector); }
  async number(selector) { return Number((await this.text(selector)).replaceAll(",", "")); }

  async join(group) {
    await this.page.fill("#group", group);
    await this.page.click("#join-button");
    await eventually(async () => (await this.text("#room")) === group, `${this.name} is in ${group}`);
    await eventually(() => this.page.isEnabled("#say-button"), `${this.name} may speak`);
  }

  async say(text) {
    await this.page.fill("#text", text);
    await this.page.click("#say-button");
  }

  /** Waits until a message or a notice begins with text. */
  async sees(text) {
    await eventually(() => this.page.$$eval("#messages li", (all, text) => all.some((li) => (li.querySelector("p") ?? li).textContent.startsWith(text)), text),
      `${this.name} sees: ${text}`, 60_000);
  }

  choose(group) { return this.page.click(`#groups .choose:has-text("${group}")`); }
  count(group) { return this.text(`#groups .choose:has-text("${group}") .count`); }

  /** How far a plotted line rises above its lowest point, in pixels; a line of one
   * point counts by its height above the axis. */
  async peak(selector) {
    const d = await this.page.getAttribute(selector, "d");
    const heights = [...(d ?? "").matchAll(/[ML][\d.]+ ([\d.]+)/g)].map((m) => Number(m[1]));
    return heights.length === 0 ? 0 : Math.max(128, ...heights) - Math.min(...heights);
  }
}

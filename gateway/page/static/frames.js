// The last frames as they stand on the wire, for those who write a client.

import { element } from "./messages.js";

const KEPT = 30;
const LONGEST = 400; // characters shown of one frame

export class Frames {
  #details;
  #list;

  constructor(details, list) {
    this.#details = details;
    this.#list = list;
  }

  /** Shows a frame, "in" or "out". Closed, it costs nothing and shows nothing: what
   * was said before it was opened is not for it to keep. */
  add(direction, text) {
    if (!this.#details.open) return;
    const item = element("li", direction);
    item.append(element("span", "unseen", direction === "in" ? "received " : "sent "));
    item.append(element("code", "", text.length > LONGEST ? text.slice(0, LONGEST) + "…" : text));
    this.#list.prepend(item);
    while (this.#list.childElementCount > KEPT) this.#list.lastElementChild.remove();
  }
}

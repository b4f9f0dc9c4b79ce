// The groups that this window is in: a room each, and a list to choose from.

import { Room, element } from "./messages.js";

const MOST = 20; // groups of one window, each of which keeps its messages

export class Groups {
  #list;
  #none;
  #chosen; // (name, room) => void
  #leave; // (name) => void
  #entries = new Map(); // name -> {room, item, choose, count}
  current = null;

  /** Shows itself in list, and none when it is empty. chosen is told which group is to
   * be shown, leave which one is to be left. */
  constructor(list, none, { chosen, leave }) {
    this.#list = list;
    this.#none = none;
    this.#chosen = chosen;
    this.#leave = leave;
  }

  get full() { return this.#entries.size >= MOST; }
  has(name) { return this.#entries.has(name); }
  room(name) { return this.#entries.get(name)?.room; }

  /** Adds a group and chooses it. */
  add(name) {
    const item = element("li", "");
    const choose = element("button", "choose");
    const count = element("span", "count", "0");
    count.title = "messages received here";
    choose.append(element("span", "of", name), count);
    choose.type = "button";
    choose.onclick = () => this.choose(name);
    const leave = element("button", "leave", "Leave");
    leave.type = "button";
    leave.setAttribute("aria-label", `Leave ${name}`);
    leave.onclick = () => this.#leave(name);
    item.append(choose, leave);
    this.#list.append(item);
    this.#entries.set(name, { room: new Room(), item, choose, count });
    this.choose(name);
  }

  /** Removes a group; if it was chosen, the first of the others is. */
  remove(name) {
    this.#entries.get(name)?.item.remove();
    this.#entries.delete(name);
    if (this.current === name) this.choose(this.#entries.keys().next().value ?? null);
  }

  choose(name) {
    this.current = name;
    for (const [other, { choose }] of this.#entries) {
      if (other === name) choose.setAttribute("aria-current", "true");
      else choose.removeAttribute("aria-current");
    }
    this.#none.hidden = this.#entries.size > 0;
    this.#chosen(name, this.room(name) ?? null);
  }

  /** Brings the counts up to date. */
  count() {
    for (const { room, count } of this.#entries.values()) count.textContent = room.total;
  }
}

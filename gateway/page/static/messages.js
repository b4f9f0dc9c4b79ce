// The messages of the groups, and the list that shows those of one of them. Both are
// bounded: a page that is left open for a week must not grow.

const KEPT = 500; // messages of one group, in memory and in the document
const HUES = 6; // colours that names are told apart by, in the style sheet

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** What was said in one group. */
export class Room {
  entries = []; // the last of them, oldest first
  total = 0; // messages ever, which is what the list of groups shows
  #added = 0; // entries ever, notices too

  /** Adds {name, text, sent, mine, position}. */
  message(entry) {
    this.total++;
    this.#add(entry);
  }

  /** Adds a line of our own: what happened to the group, or to a message. */
  notice(text) { this.#add({ notice: true, text }); }

  get added() { return this.#added; }

  #add(entry) {
    this.#added++;
    this.entries.push(entry);
    if (this.entries.length > KEPT) this.entries.shift();
  }
}

/** The list of messages. It shows one room at a time. */
export class Messages {
  #list;
  #empty; // what stands there instead of a list without entries
  #room = null;
  #shown = 0; // entries of the room that were put into the list so far
  #due = false;
  #following = true; // at the end; who has scrolled up to read is left there

  constructor(list, empty) {
    this.#list = list;
    this.#empty = empty;
    list.addEventListener("scroll", () => {
      this.#following = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    });
    // When the list becomes lower, its end slides out of it without any scrolling.
    new ResizeObserver(() => this.#follow()).observe(list);
  }

  /** Shows another room, or none for null. */
  open(room) {
    this.#room = room;
    this.#shown = 0;
    this.#following = true;
    this.#list.replaceChildren();
    this.changed(room);
  }

  /** Tells that a room has more entries. They are put into the document once a frame:
   * at two hundred a second one by one would be most of the page's work. A hidden
   * window has no frames, and catches up, from what the room kept, when it is shown. */
  changed(room) {
    if (room !== this.#room || this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      this.#paint();
    });
  }

  #paint() {
    const entries = this.#room?.entries ?? [];
    this.#empty.hidden = entries.length > 0;
    this.#list.hidden = entries.length === 0;
    if (entries.length === 0) return;
    const fresh = Math.min(entries.length, this.#room.added - this.#shown);
    this.#shown = this.#room.added;
    // A screen reader that is read hundreds of lines can say nothing else.
    this.#list.setAttribute("aria-live", fresh > 3 ? "off" : "polite");
    this.#list.append(...entries.slice(entries.length - fresh).map(item));
    while (this.#list.childElementCount > KEPT) this.#list.firstElementChild.remove();
    this.#follow();
  }

  #follow() {
    if (this.#following) this.#list.scrollTop = this.#list.scrollHeight;
  }
}

function item(entry) {
  if (entry.notice) return element("li", "notice", entry.text);
  const li = element("li", entry.mine ? "mine" : "");
  const head = element("div", "by");
  const name = element("b", "name", entry.name || "no name");
  name.dataset.hue = hue(entry.name);
  const time = element("time", "", clock.format(entry.sent));
  time.dateTime = new Date(entry.sent).toISOString();
  head.append(name, time);
  if (entry.position) {
    const position = element("code", "position", entry.position);
    position.title = "position in the group's stream";
    head.append(position);
  }
  li.append(head, element("p", "", entry.text));
  return li;
}

// hue is the same for a name in every window.
function hue(name) {
  let sum = 0;
  for (const c of name) sum = (sum * 31 + c.codePointAt(0)) % 9973;
  return sum % HUES;
}

/** Makes an element. Whatever others wrote enters the document here, as text. */
export function element(tag, className, text = "") {
  const e = document.createElement(tag);
  if (className) e.className = className;
  e.textContent = text;
  return e;
}

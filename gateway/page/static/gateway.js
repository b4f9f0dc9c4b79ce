// One connection to the gateway, over json.webpubsub.azure.v1, that comes back.
// It knows the protocol and nothing of the page: what happens is told to a
// listener with four methods, all of them called from the event loop:
//
//   state(name, detail)      idle | connecting | connected | waiting
//   group(name, what, why)   joined | rejoined | left | refused
//   message(frame)           a message to a group, as it came
//   frame(direction, text)   every frame as it stands on the wire: "in" or "out"

const PROTOCOL = "json.webpubsub.azure.v1";

const PING_EVERY = 20_000; // ms
const SILENT_FOR = 50_000; // ms: two pings unanswered; the other end is gone
const ACK_WITHIN = 10_000; // ms
const STEADY_AFTER = 5_000; // ms: a connection that lasted this long was a good one
const BACKLOG = 1 << 20; // bytes that may wait in the browser for the network

/** Why the gateway did not do what it was asked. name is the ack's, or "Lost", or "Timeout". */
export class Refused extends Error {
  constructor(name, message) {
    super(message);
    this.name = name;
  }
}

/** How long to wait before the nth attempt, in ms: doubling to 15 s, the upper half
 * of it by chance, so that the clients of a node that died do not return as one. */
export function backoff(attempt, random = Math.random()) {
  const ceiling = Math.min(15_000, 500 * 2 ** attempt);
  return ceiling / 2 + (ceiling / 2) * random;
}

export class Gateway {
  // Static after construction.
  #address; // () => the URL; asked at each attempt, since the token in it may have changed
  #listener;
  // Of the present connection.
  #socket = null;
  #state = "idle";
  #opened = 0; // when it was connected; 0 before
  #heard = 0; // when the last frame came
  #asked = new Map(); // ackId -> {resolve, reject, at}, oldest first
  #pinger = 0;
  // What outlives a connection.
  #groups = new Map(); // name -> {joined, position}: were we ever in it, and where it stood last
  #nextAck = 1; // never used twice: the gateway takes a repeated ackId for a duplicate
  #attempt = 0;
  #hint = 0; // ms that a draining gateway asked to wait
  #retry = 0;

  constructor(address, listener) {
    this.#address = address;
    this.#listener = listener;
    setInterval(() => this.#expire(), 1_000);
  }

  get state() { return this.#state; }
  get backedUp() { return (this.#socket?.bufferedAmount ?? 0) > BACKLOG; }

  /** Connects, at once even if an attempt is due later. */
  open() {
    if (this.#state === "connecting" || this.#state === "connected") return;
    clearTimeout(this.#retry);
    this.#opened = 0;
    this.#become("connecting");
    let socket;
    try {
      socket = new WebSocket(this.#address(), PROTOCOL);
    } catch (err) { // an address that is none: waiting would not mend it
      this.#become("idle", err.message);
      return;
    }
    this.#socket = socket;
    socket.onmessage = (e) => this.#read(e.data);
    // A refused handshake and a broken line both end here; browsers do not say why.
    socket.onclose = (e) => this.#closed(e);
  }

  /** Disconnects and stays so. The groups are remembered for the next open. */
  close() {
    clearTimeout(this.#retry);
    if (this.#socket) this.#abandon(1000, "goodbye");
    this.#attempt = 0;
    this.#become("idle");
  }

  /** Joins a group now and after every reconnect, until leave. */
  join(group) {
    if (this.#groups.has(group)) return;
    this.#groups.set(group, { joined: false, position: "" });
    if (this.#state === "connected") this.#enter(group);
    else this.open();
  }

  /** Leaves a group. Without a connection there is nothing to wait for. */
  async leave(group) {
    if (!this.#groups.has(group)) return;
    if (this.#state === "connected") await this.#ask({ type: "leaveGroup", group });
    this.#groups.delete(group);
    this.#listener.group(group, "left");
  }

  /** Sends JSON to a group; resolves to the ack, which says that the group's stream
   * has it, or throws Refused. */
  send(group, data) {
    return this.#ask({ type: "sendToGroup", group, dataType: "json", data });
  }

  async #enter(group) {
    const seen = this.#groups.get(group);
    const again = seen.joined;
    try {
      // With since, the gateway first replays what was said while we were away.
      const since = seen.position && { since: seen.position };
      const ack = await this.#ask({ type: "joinGroup", group, ...since });
      seen.joined = true;
      // A gateway that could not go on from since says where it goes on from instead.
      if (ack.recovered !== true && ack.position) seen.position = ack.position;
      this.#listener.group(group, again ? "rejoined" : "joined", again && ack.recovered !== true ? "gap" : "");
    } catch (err) {
      if (err.name === "Lost") return; // the next connection tries again
      this.#groups.delete(group);
      this.#listener.group(group, "refused", err.message);
    }
  }

  #ask(request) {
    if (this.#state !== "connected") {
      return Promise.reject(new Refused("Lost", "there is no connection to the gateway"));
    }
    const ackId = this.#nextAck++;
    return new Promise((resolve, reject) => {
      this.#asked.set(ackId, { resolve, reject, at: performance.now() });
      this.#write({ ...request, ackId });
    });
  }

  #write(frame) {
    const text = JSON.stringify(frame);
    this.#socket.send(text);
    this.#listener.frame("out", text);
  }

  // #read is the client's side of the protocol's table of contents. Frames of an
  // unknown type are left alone: a newer gateway may have more.
  #read(text) {
    this.#heard = performance.now();
    this.#listener.frame("in", text);
    const frame = JSON.parse(text);
    switch (frame.type) {
      case "system": this.#system(frame); break;
      case "ack": this.#answer(frame); break;
      case "message":
        if (this.#groups.has(frame.group) && frame.position) this.#groups.get(frame.group).position = frame.position;
        this.#listener.message(frame);
    }
  }

  #system(frame) {
    if (frame.event === "disconnected") {
      this.#hint = Number(frame.reconnectAfterMs) || 0;
      return;
    }
    if (frame.event !== "connected") return;
    this.#opened = performance.now();
    this.#pinger = setInterval(() => this.#ping(), PING_EVERY);
    this.#become("connected", frame.connectionId);
    for (const group of this.#groups.keys()) this.#enter(group);
  }

  #answer(frame) {
    const asked = this.#asked.get(frame.ackId);
    this.#asked.delete(frame.ackId);
    if (!asked) return; // it came after its time
    if (frame.success) asked.resolve(frame);
    else asked.reject(new Refused(frame.error?.name ?? "Refused", frame.error?.message ?? "the gateway gave no reason"));
  }

  // A browser cannot see WebSocket pings, so a dead line shows itself only to those
  // who ask in the protocol.
  #ping() {
    if (performance.now() - this.#heard <= SILENT_FOR) return this.#write({ type: "ping" });
    this.#abandon();
    this.#wait("the gateway went silent");
  }

  #expire() {
    const oldest = performance.now() - ACK_WITHIN;
    for (const [ackId, asked] of this.#asked) {
      if (asked.at > oldest) break;
      this.#asked.delete(ackId);
      asked.reject(new Refused("Timeout", "the gateway did not answer within 10 s"));
    }
  }

  #closed(event) {
    const why = event.reason || (this.#opened ? `closed with code ${event.code}` : "no connection could be made");
    this.#abandon();
    this.#wait(why);
  }

  // #abandon lets go of the socket. Its handlers go first: close may take as long as
  // the network likes, and must not end a connection that came after it.
  #abandon(code, reason) {
    clearInterval(this.#pinger);
    this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close(code, reason);
    this.#socket = null;
    // Whether they were done is unknown, and an ackId means nothing to the next
    // connection: sending again by ourselves could say a thing twice.
    for (const asked of this.#asked.values()) {
      asked.reject(new Refused("Lost", "the connection was lost before the gateway answered"));
    }
    this.#asked.clear();
  }

  #wait(why) {
    // One that is accepted and thrown out at once counts as a failure too, or it
    // would be tried twice a second for ever.
    if (this.#opened && performance.now() - this.#opened > STEADY_AFTER) this.#attempt = 0;
    const never = this.#opened === 0;
    const delay = Math.max(backoff(this.#attempt++), this.#hint);
    this.#hint = 0;
    this.#retry = setTimeout(() => this.open(), delay);
    this.#become("waiting", { why, delay, never });
  }

  #become(state, detail) {
    this.#state = state;
    this.#listener.state(state, detail);
  }
}

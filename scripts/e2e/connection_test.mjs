// The demo page's connection, against a WebSocket whose other end the test holds, and
// with timers that it moves. Run by node --test.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Gateway, backoff } from "../../gateway/page/static/gateway.js";

let sockets; // every WebSocket that was opened, oldest first
let told; // what the listener was told, as arrays
let gateway;

// clock stands in for the page's timers. The one of node:test has changed its calls
// between the versions that this runs on.
const clock = {
  now: 0,
  timers: new Map(),
  reset() {
    this.now = 0;
    this.timers.clear();
    let id = 0;
    const add = (run, ms, every) => this.timers.set(++id, { run, at: this.now + ms, every }) && id;
    globalThis.setTimeout = (run, ms) => add(run, ms, 0);
    globalThis.setInterval = (run, ms) => add(run, ms, ms);
    globalThis.clearTimeout = globalThis.clearInterval = (id) => this.timers.delete(id);
  },
  /** Lets ms pass, and what falls due in them run in its order. */
  tick(ms) {
    const end = this.now + ms;
    for (;;) {
      const [next] = [...this.timers].filter(([, t]) => t.at <= end).sort(([, a], [, b]) => a.at - b.at);
      if (!next) break;
      const [id, timer] = next;
      this.now = timer.at;
      if (timer.every) timer.at += timer.every;
      else this.timers.delete(id);
      timer.run();
    }
    this.now = end;
  },
};

class FakeSocket {
  bufferedAmount = 0;
  sent = [];
  closed = false;
  constructor(url, protocol) {
    Object.assign(this, { url, protocol });
    sockets.push(this);
  }
  send(text) { this.sent.push(JSON.parse(text)); }
  close() { this.closed = true; }
  /** What the gateway says. */
  say(frame) { this.onmessage({ data: JSON.stringify(frame) }); }
  connected(connectionId) { this.say({ type: "system", event: "connected", connectionId }); }
  ack(i, more = {}) { this.say({ type: "ack", ackId: this.sent[i].ackId, success: true, ...more }); }
  drop(code = 1006, reason = "") { this.onclose({ code, reason }); }
}

const settle = () => new Promise((resolve) => setImmediate(resolve));
const states = () => told.filter(([what]) => what === "state").map(([, state]) => state);
const groups = () => told.filter(([what]) => what === "group").map(([, ...rest]) => rest);

beforeEach(() => {
  clock.reset();
  globalThis.WebSocket = FakeSocket;
  sockets = [];
  told = [];
  gateway = new Gateway(() => "ws://gateway/", {
    state: (...a) => told.push(["state", ...a]),
    group: (...a) => told.push(["group", ...a]),
    message: (...a) => told.push(["message", ...a]),
    frame() {},
  });
});

test("the wait doubles to 15 s, and chance takes up to half of it", () => {
  const f = (attempt, random, want) => assert.equal(backoff(attempt, random), want);
  f(0, 0, 250);
  f(0, 1, 500);
  f(3, 1, 4_000);
  f(3, 0, 2_000);
  f(10, 1, 15_000);
  f(5_000, 0.5, 11_250);
});

test("join opens the connection, and is done when it is acked", async () => {
  gateway.join("lobby");
  assert.deepEqual(states(), ["connecting"]);
  assert.equal(sockets[0].protocol, "json.webpubsub.azure.v1");
  sockets[0].connected("c1");
  assert.deepEqual(sockets[0].sent, [{ type: "joinGroup", group: "lobby", ackId: 1 }]);
  assert.deepEqual(groups(), []);
  sockets[0].ack(0);
  await settle();
  assert.deepEqual(groups(), [["lobby", "joined", ""]]);
});

test("after a loss it comes back, joins again, and asks for what it missed", async () => {
  gateway.join("lobby");
  sockets[0].connected("c1");
  sockets[0].ack(0, { position: "5-0" });
  await settle();
  sockets[0].say({ type: "message", from: "group", group: "lobby", dataType: "text", data: "x", position: "7-0" });
  sockets[0].drop();
  assert.deepEqual(states(), ["connecting", "connected", "waiting"]);
  clock.tick(500);
  sockets[1].connected("c2");
  assert.deepEqual(sockets[1].sent, [{ type: "joinGroup", group: "lobby", since: "7-0", ackId: 2 }]);
  sockets[1].ack(0, { position: "7-0", recovered: true });
  await settle();
  assert.deepEqual(groups().at(-1), ["lobby", "rejoined", ""]);
});

test("a gap is told, and the next loss goes on from where the gateway went on", async () => {
  gateway.join("lobby");
  sockets[0].connected("c1");
  sockets[0].ack(0, { position: "5-0" });
  await settle();
  sockets[0].drop();
  clock.tick(500);
  sockets[1].connected("c2");
  sockets[1].ack(0, { position: "90-0", recovered: false });
  await settle();
  assert.deepEqual(groups().at(-1), ["lobby", "rejoined", "gap"]);
  sockets[1].drop();
  clock.tick(1_000);
  sockets[2].connected("c3");
  assert.equal(sockets[2].sent[0].since, "90-0");
});

test("a refused join is told with its reason, and not tried again", async () => {
  gateway.join("secret");
  sockets[0].connected("c1");
  sockets[0].ack(0, { success: false, error: { name: "Forbidden", message: "not allowed" } });
  await settle();
  assert.deepEqual(groups(), [["secret", "refused", "not allowed"]]);
  sockets[0].drop();
  clock.tick(500);
  sockets[1].connected("c2");
  assert.deepEqual(sockets[1].sent, []);
});

test("send resolves with the ack, and fails in words", async () => {
  await assert.rejects(gateway.send("lobby", {}), { name: "Lost" });
  gateway.open();
  sockets[0].connected("c1");
  const done = gateway.send("lobby", { text: "hi" });
  sockets[0].ack(0, { position: "9-1" });
  assert.equal((await done).position, "9-1");
  const refused = gateway.send("lobby", {});
  sockets[0].ack(1, { success: false, error: { name: "TooManyRequests", message: "slow down" } });
  await assert.rejects(refused, { name: "TooManyRequests", message: "slow down" });
  const lost = gateway.send("lobby", {});
  sockets[0].drop();
  await assert.rejects(lost, { name: "Lost" });
});

test("no ackId is used twice, not even on another connection", async () => {
  gateway.open();
  sockets[0].connected("c1");
  gateway.send("a", {}).catch(() => {});
  sockets[0].drop();
  clock.tick(500);
  sockets[1].connected("c2");
  gateway.send("a", {}).catch(() => {});
  assert.deepEqual([sockets[0].sent[0].ackId, sockets[1].sent[0].ackId], [1, 2]);
});

test("a gateway that drains is given the time that it asks for", () => {
  gateway.open();
  sockets[0].connected("c1");
  sockets[0].say({ type: "system", event: "disconnected", message: "draining", reconnectAfterMs: 9_000 });
  sockets[0].drop(1012, "draining");
  clock.tick(8_999);
  assert.equal(sockets.length, 1);
  clock.tick(1);
  assert.equal(sockets.length, 2);
});

test("connections that are thrown out at once are tried ever more slowly", () => {
  gateway.open();
  for (let i = 0; i < 6; i++) {
    sockets[i].connected(`c${i}`);
    sockets[i].drop(1008);
    clock.tick(15_000);
  }
  sockets[6].drop();
  const { delay } = told.at(-1)[2];
  assert.ok(delay >= 7_500, `${delay} ms`);
});

test("close is for good, and what the old socket says later changes nothing", () => {
  gateway.join("lobby");
  sockets[0].connected("c1");
  gateway.close();
  assert.ok(sockets[0].closed);
  assert.equal(sockets[0].onclose, null);
  clock.tick(60_000);
  assert.equal(sockets.length, 1);
  assert.equal(gateway.state, "idle");
});

test("leaving takes an ack with a connection, and nothing without", async () => {
  gateway.join("lobby");
  sockets[0].connected("c1");
  sockets[0].ack(0);
  await settle();
  const left = gateway.leave("lobby");
  assert.equal(sockets[0].sent[1].type, "leaveGroup");
  sockets[0].ack(1);
  await left;
  assert.deepEqual(groups().at(-1), ["lobby", "left"]);
  gateway.join("other");
  gateway.close();
  await gateway.leave("other");
  assert.deepEqual(groups().at(-1), ["other", "left"]);
});

test("frames of unknown types are left alone", () => {
  gateway.open();
  sockets[0].connected("c1");
  for (const frame of [{ type: "presence" }, { type: "system", event: "new" }, { type: "ack", ackId: 99 }, { type: "pong" }]) sockets[0].say(frame);
  assert.equal(gateway.state, "connected");
});

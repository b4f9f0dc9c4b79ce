// The parts of the demo page that need no browser: its arithmetic, and how it reads
// payloads. Run by node --test.

import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { test } from "node:test";
import { earn } from "../../gateway/page/static/load.js";
import { Meter, percentile } from "../../gateway/page/static/meter.js";
import { ticks } from "../../gateway/page/static/plot.js";

// Node.js 18 has what browsers call crypto, under another name.
globalThis.crypto ??= webcrypto;
const payload = await import("../../gateway/page/static/payload.js");

test("percentile is the nearest rank", () => {
  const f = (sorted, q, want) => assert.equal(percentile(sorted, q), want);
  f([], 0.5, null);
  f([7], 0.5, 7);
  f([7], 0.99, 7);
  f([1, 2], 0.5, 1);
  f([1, 2, 3], 0.5, 2);
  f(Array.from({ length: 100 }, (_, i) => i + 1), 0.99, 99);
  f(Array.from({ length: 101 }, (_, i) => i + 1), 0.99, 100);
});

test("ticks are round and reach the maximum", () => {
  const f = (max, want) => assert.deepEqual(ticks(max), want);
  assert.ok(ticks(0).at(-1) > 0, "nothing to show still has an axis");
  f(1, [0, 0.5, 1]);
  f(4, [0, 1, 2, 3, 4]);
  f(4.1, [0, 2, 4, 6]);
  f(200, [0, 50, 100, 150, 200]);
  f(0.3, [0, 0.1, 0.2, 0.3]);
  f(999, [0, 500, 1000]);
});

test("the meter counts by the second, leaves out the running one, and forgets", () => {
  const m = new Meter(3);
  m.received(10_000);
  m.received(10_999);
  m.sent(11_500);
  m.latency(11_500, 4);
  m.latency(11_600, 2);
  m.received(13_000); // running
  assert.deepEqual(m.series(13_400), {
    received: [2, 0, 0], sent: [0, 1, 0], p50: [null, 2, null], p99: [null, 4, null], overall: { p50: 2, p99: 4 },
  });
  assert.deepEqual(m.series(14_000).received, [0, 0, 1]);
  assert.deepEqual(m.series(60_000), {
    received: [0, 0, 0], sent: [0, 0, 0], p50: [null, null, null], p99: [null, null, null], overall: { p50: null, p99: null },
  });
});

test("the load's credit is paced, and arrears of more than a second are forgotten", () => {
  const f = (credit, ms, rate, want) => assert.equal(earn(credit, ms, rate), want);
  f(0, 50, 200, 10);
  f(0.5, 50, 10, 1);
  f(0, 1_000, 200, 200);
  f(0, 3_600_000, 200, 200);
});

test("payloads: whatever was sent is read as text", () => {
  const f = (frame, want) => {
    const { name, text, mine } = payload.read(frame);
    assert.deepEqual({ name, text, mine }, { mine: false, name: "", ...want });
  };
  f({ dataType: "json", data: payload.write("Heron", "hello") }, { name: "Heron", text: "hello", mine: true });
  f({ dataType: "text", data: JSON.stringify({ name: "Tern", text: "hi" }) }, { name: "Tern", text: "hi" });
  f({ dataType: "text", data: "plain words" }, { text: "plain words" });
  f({ dataType: "text", data: "{broken" }, { text: "{broken" });
  f({ dataType: "text", data: "12" }, { text: "12" });
  f({ dataType: "json", data: [1, { a: 2 }] }, { text: '[1,{"a":2}]' });
  f({ dataType: "json", data: { text: 5 } }, { text: '{"text":5}' });
  f({ dataType: "json", data: { name: { x: 1 }, text: "t" }, fromUserId: "u1" }, { name: "u1", text: "t" });
  f({ dataType: "binary", data: "AAEC" }, { text: "3 bytes of binary data" });
  f({ dataType: "text", data: "x".repeat(9_000) }, { text: "x".repeat(2_000) });
});

test("payloads: a time that is none does not become an invalid date", () => {
  for (const sent of [undefined, "now", NaN, 1e300, -1e300, null]) {
    const entry = payload.read({ dataType: "json", data: { text: "t", sent } });
    assert.ok(!Number.isNaN(new Date(entry.sent).getTime()), String(sent));
  }
});

// The page: its forms and lists on one side, a Gateway on the other. To see how the
// protocol is spoken, read gateway.js; here is only what is done with it.

import { Frames } from "./frames.js";
import { Gateway } from "./gateway.js";
import { Groups } from "./groups.js";
import { Load } from "./load.js";
import { Messages } from "./messages.js";
import { Meter } from "./meter.js";
import * as payload from "./payload.js";
import { Plot } from "./plot.js";

const $ = (id) => document.getElementById(id);

// Two windows should not begin under one name.
const birds = ["Avocet", "Curlew", "Dunlin", "Egret", "Fulmar", "Gannet", "Heron", "Kittiwake", "Plover", "Tern"];
$("name").value = `${birds[Math.floor(Math.random() * birds.length)]} ${10 + Math.floor(Math.random() * 90)}`;

const counts = { received: 0, sent: 0, acked: 0, refused: 0 };
const meter = new Meter();
const frames = new Frames($("wire"), $("frames"));
const messages = new Messages($("messages"), $("empty"));
const groups = new Groups($("groups"), $("groups-none"), {
  chosen(name, room) {
    $("room").textContent = name ?? "No group";
    messages.open(room);
    enable();
  },
  leave: (name) => gateway.leave(name).catch((err) => fault(`Could not leave ${name}: ${err.message}.`)),
});

// Relative to the page, so that it follows the page's scheme, host and prefix.
function address() {
  const url = new URL(`client/hubs/${encodeURIComponent($("hub").value.trim())}`, document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.hash = url.search = "";
  if ($("token").value) url.searchParams.set("access_token", $("token").value.trim());
  return url.href;
}

const gateway = new Gateway(address, {
  state: showState,
  group: groupChanged,
  message: received,
  frame: (direction, text) => frames.add(direction, text),
});

function showState(state, detail) {
  const seconds = Math.max(1, Math.round((detail?.delay ?? 0) / 1000));
  $("state").dataset.state = state;
  $("state-text").textContent = {
    idle: "not connected",
    connecting: "connecting",
    connected: "connected",
    waiting: `trying again in ${seconds} s`,
  }[state];
  $("toggle").textContent = { idle: "Connect", waiting: "Try now" }[state] ?? "Disconnect";
  $("connection").hidden = state !== "connected";
  if (state === "connected") {
    $("connection").textContent = detail;
    $("fault").hidden = true;
  } else {
    load.stop("Load stopped: the connection was lost.");
  }
  if (state === "waiting") fault(reason(detail));
  if (state === "idle" && detail) fault(`Could not connect: ${detail}.`);
  enable();
}

// A browser is not told why a handshake failed, so the likely causes are named.
function reason({ why, never }) {
  if (!never) return `The connection was lost: ${why}. Groups are joined again when it is back.`;
  return "The gateway could not be reached. Is it running, is the hub among its hubs, and if it has keys, is there a valid access token in the connection settings?";
}

function groupChanged(name, what, why) {
  if (what === "refused") fault(`Could not join ${name}: ${why}.`);
  if (what === "left" || what === "refused") groups.remove(name);
  if (what === "joined") groups.has(name) || groups.add(name);
  const room = groups.room(name);
  if (what === "joined") room.notice(`You joined ${name}.`);
  if (what === "rejoined") {
    room.notice(why === "gap" ? "Back again. What was said meanwhile may be missing." : "Back again, and nothing was missed.");
  }
  if (room) messages.changed(room);
  enable();
}

function received(frame) {
  const room = groups.room(frame.group);
  if (!room) return; // on its way when we left, or to everybody in the hub
  const entry = payload.read(frame);
  const now = payload.now();
  counts.received++;
  meter.received(now);
  if (entry.mine) meter.latency(now, Math.max(0, now - entry.sent));
  room.message(entry);
  messages.changed(room);
}

// say sends one message and tells in its group if it did not get there.
async function say(group, text) {
  counts.sent++;
  meter.sent(payload.now());
  try {
    await gateway.send(group, payload.write($("name").value.trim() || "no name", text));
    counts.acked++;
  } catch (err) {
    counts.refused++;
    const verdict = err.name === "Lost" || err.name === "Timeout" ? "It is not known whether this arrived" : "Not sent";
    const room = groups.room(group);
    room?.notice(`${verdict}: “${text}” (${err.message}).`);
    if (room) messages.changed(room);
  }
}

const load = new Load((text) => {
  const room = groups.room(groups.current);
  room?.notice(text);
  if (room) messages.changed(room);
  enable();
});

// enable puts the controls into the state that the connection allows.
function enable() {
  const able = gateway.state === "connected" && groups.current !== null;
  $("say-button").disabled = !able;
  $("load-button").disabled = !able;
  $("load-button").textContent = load.running ? "Stop load" : "Start load";
}

function fault(text) {
  $("fault-text").textContent = text;
  $("fault").hidden = false;
}

$("fault-dismiss").onclick = () => { $("fault").hidden = true; };

$("toggle").onclick = () => {
  if (gateway.state === "connected" || gateway.state === "connecting") gateway.close();
  else gateway.open();
};

// Other settings are another connection.
$("settings").onsubmit = (e) => {
  e.preventDefault();
  gateway.close();
  gateway.open();
};

$("join").onsubmit = (e) => {
  e.preventDefault();
  const name = $("group").value.trim();
  if (name === "") return;
  if (groups.has(name)) return groups.choose(name);
  if (groups.full) return fault("This page joins at most 20 groups. Leave one first.");
  gateway.join(name);
};

$("say").onsubmit = (e) => {
  e.preventDefault();
  const text = $("text").value.trim();
  // Without a connection the text stays where it is, to be sent when it is back.
  if (text === "" || $("say-button").disabled) return;
  $("text").value = "";
  say(groups.current, text);
};

$("load").onsubmit = (e) => {
  e.preventDefault();
  if (load.running) return load.stop("Load stopped.");
  const group = groups.current;
  load.start({ rate: $("load-rate").valueAsNumber, seconds: $("load-seconds").valueAsNumber }, (i, total) => {
    if (gateway.state !== "connected" || gateway.backedUp || !groups.has(group)) return false;
    say(group, `load ${i} of ${total}`);
    return true;
  });
  enable();
};

const rates = new Plot($("plot-rate"), {
  label: "Messages a second", unit: "/s", floor: 4,
  lines: [{ key: "received", fill: true }, { key: "sent" }],
});
const latencies = new Plot($("plot-latency"), {
  label: "Round trip of own messages in milliseconds", unit: "ms", floor: 1,
  lines: [{ key: "p99" }, { key: "p50" }],
});

const milliseconds = (ms) => (ms === null ? "–" : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`);

function refresh() {
  const series = meter.series(payload.now());
  $("rate-received").value = `${series.received.at(-1)}/s`;
  $("rate-sent").value = `${series.sent.at(-1)}/s`;
  $("latency-p50").value = milliseconds(series.overall.p50);
  $("latency-p99").value = milliseconds(series.overall.p99);
  for (const [name, n] of Object.entries(counts)) $(`count-${name}`).textContent = n.toLocaleString("en");
  groups.count();
  rates.show(series);
  latencies.show(series);
}

setInterval(refresh, 500);
refresh();
window.addEventListener("online", () => { if (gateway.state === "waiting") gateway.open(); });

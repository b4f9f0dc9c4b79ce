// The demo page in a real browser: two windows, clicked through as a newcomer would.
// Each check goes on from where the one before it left the windows.

import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { chromium } from "playwright-core";
import { assert, check, flag, main } from "./checks.mjs";
import { compressing, Gateway, eventually } from "./gateway.mjs";
import { takePicture } from "./picture.mjs";
import { Window } from "./window.mjs";

// Browsers offer compression; the gateway with keys, below, does not agree to it.
const gateway = new Gateway(flag("--gateway"), compressing);
const picture = flag("--screenshot");
let browser, heron, tern;
let locked; // a second gateway, with a key

const path = () => execFileSync("sh", ["-c", 'command -v "${CHROMIUM:-chromium}"'], { encoding: "utf8" }).trim();

const launch = () => chromium.launch({
  executablePath: path(),
  headless: true,
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

// bare runs in the page: a plain WebSocket, as a page of anybody's would open it.
const bare = (path) => new Promise((resolve, reject) => {
  const socket = new WebSocket(location.origin.replace("http", "ws") + path);
  window.bare = { socket, heard: [] };
  socket.onmessage = (e) => window.bare.heard.push(e.data);
  socket.onopen = () => resolve();
  socket.onerror = () => reject(new Error(`no connection to ${path}`));
});

async function conversation() {
  await check("the page opens with a name and a group filled in, and not yet connected", async () => {
    for (const w of [heron, tern]) {
      await w.open(`http://${gateway.address}/`);
      assert.equal(await w.page.inputValue("#group"), "lobby");
      assert.notEqual(await w.page.inputValue("#name"), "");
      assert.equal(await w.text("#state-text"), "not connected");
      assert.ok(await w.page.isDisabled("#say-button"));
    }
  });
  await check("Join connects, and shows the connection id", async () => {
    for (const w of [heron, tern]) {
      await w.page.fill("#name", w.name);
      await w.join("lobby");
      assert.match(await w.text("#connection"), /\S{8,}/);
    }
    assert.notEqual(await heron.text("#connection"), await tern.text("#connection"));
  });
  await check("a message of either is seen by both, with name, time and position", async () => {
    await heron.say("hello from the first window");
    await tern.sees("hello from the first window");
    await tern.say("and from the second");
    for (const w of [heron, tern]) {
      await w.sees("hello from the first window");
      await w.sees("and from the second");
      const first = await w.page.locator("#messages li", { hasText: "hello from the first" }).innerText();
      assert.match(first, /^Heron\s+\d\d?:\d\d:\d\d.*\s+\d+-\d+\s+hello/s);
    }
    assert.equal(await heron.page.locator("#messages .mine").count(), 1);
  });
  await check("both windows agree on the positions", async () => {
    const positions = (w) => w.page.locator("#messages .position").allInnerTexts();
    assert.deepEqual(await positions(heron), await positions(tern));
  });
  await check("markup in a message is shown and not obeyed", async () => {
    await heron.say("<img src=x onerror=alert(1)><b>bold</b>");
    await tern.sees("<img src=x onerror=alert(1)><b>bold</b>");
    assert.equal(await tern.page.locator("#messages img, #messages p b").count(), 0);
  });
}

async function groups() {
  await check("a second group has messages and a count of its own", async () => {
    for (const w of [heron, tern]) await w.join("harbour");
    await heron.say("only in the harbour");
    await tern.sees("only in the harbour");
    await tern.choose("lobby");
    await tern.sees("and from the second");
    assert.equal(await tern.page.locator("#messages li", { hasText: "harbour" }).count(), 0);
    await eventually(async () => (await tern.count("harbour")) === "1" && (await tern.count("lobby")) === "3", "the counts are 1 and 3");
  });
  await check("after Leave its messages no longer come, and the other group's do", async () => {
    await tern.choose("harbour");
    await tern.page.click('button[aria-label="Leave harbour"]');
    await tern.page.waitForSelector('button[aria-label="Leave harbour"]', { state: "detached" });
    assert.equal(await tern.text("#room"), "lobby");
    await heron.say("nobody else is here");
    await heron.sees("nobody else is here");
    await heron.choose("lobby");
    await heron.say("back in the lobby");
    await tern.sees("back in the lobby");
    assert.equal(await tern.page.locator("#groups li").count(), 1);
  });
}

async function plainSocket() {
  await check("a plain WebSocket at /ws/chat/lobby/ joins the same group, both ways", async () => {
    await heron.page.evaluate(bare, "/ws/chat/lobby/");
    await heron.page.evaluate(() => window.bare.socket.send("plain words"));
    for (const w of [heron, tern]) await w.sees("plain words");
    await tern.say("to the plain socket");
    await eventually(() => heron.page.evaluate(() => window.bare.heard.some((t) => t.includes("to the plain socket"))), "it hears the page");
    const heard = await heron.page.evaluate(() => window.bare.heard);
    assert.equal(JSON.parse(heard.find((t) => t.includes("to the plain socket"))).name, "Tern");
  });
  await check("without a route or a subprotocol, the hub's address takes the group as a parameter", async () => {
    await heron.page.evaluate(bare, "/client/hubs/chat?webpubsub_mode=sendToGroup&group=lobby&noEcho=true");
    await heron.page.evaluate(() => window.bare.socket.send('{"name":"Plover","text":"from the hub address"}'));
    await tern.sees("from the hub address");
    await heron.page.evaluate(() => window.bare.socket.close());
  });
}

async function load() {
  await check("the load button moves the counters and both plots", async () => {
    const before = await heron.number("#count-acked");
    await heron.page.fill("#load-rate", "100");
    await heron.page.fill("#load-seconds", "4");
    await heron.page.click("#load-button");
    await eventually(async () => (await heron.number("#count-acked")) >= before + 400, "400 more acks", 60_000);
    await heron.sees("Load done: 400 messages sent.");
    for (const w of [heron, tern]) {
      await eventually(async () => (await w.peak("#plot-rate .line.received")) > 20, "the received line has risen");
      await w.sees("load 400 of 400");
    }
    await eventually(async () => (await heron.peak("#plot-latency .line.p50")) > 0, "the latency line is there");
    assert.match(await heron.text("#latency-p99"), /^[\d.]+ ms$/);
    assert.equal(await heron.number("#count-refused"), 0);
    assert.match((await heron.page.locator("#plot-rate text").allTextContents()).join(" "), /\/s.*−60 s.*now/);
    assert.match((await heron.page.locator("#plot-latency text").allTextContents()).join(" "), / ms/);
  });
  await check("the load of one window arrives in order in the other", async () => {
    const seen = (await tern.page.locator("#messages p").allInnerTexts()).filter((t) => /^load \d+ of 400$/.test(t));
    const want = Array.from({ length: seen.length }, (_, i) => `load ${400 - seen.length + i + 1} of 400`);
    assert.deepEqual(seen, want);
  });
  await check("the document keeps the last 500 messages and no more", async () => {
    await tern.page.fill("#load-rate", "200");
    await tern.page.fill("#load-seconds", "2");
    await tern.page.click("#load-button");
    await tern.sees("Load done: 400 messages sent.");
    await heron.sees("load 400 of 400");
    for (const w of [heron, tern]) {
      await eventually(async () => (await w.page.locator("#messages li").count()) === 500, "500 items");
    }
  });
}

async function trouble() {
  await check("a group name that is not allowed is refused in words, and the page goes on", async () => {
    // The page's own limit is lifted, to see the gateway's.
    await tern.page.$eval("#group", (e) => e.removeAttribute("maxlength"));
    await tern.page.fill("#group", "x".repeat(5_000));
    await tern.page.click("#join-button");
    await eventually(async () => /^Could not join x+: .*\S/.test(await tern.text("#fault-text")), "the refusal is shown");
    await tern.page.click("#fault-dismiss");
    await tern.say("still here");
    await heron.sees("still here");
  });
  await check("when the gateway goes away, both windows say so", async () => {
    for (const w of [heron, tern]) w.mayFail = true; // the browser logs each attempt
    await gateway.stop();
    for (const w of [heron, tern]) {
      await w.page.waitForSelector('#state[data-state="waiting"], #state[data-state="connecting"]');
      await eventually(async () => /was lost|could not be reached/.test(await w.text("#fault-text")), "the fault is shown");
      assert.ok(await w.page.isDisabled("#say-button"));
    }
  });
  await check("when it is back, both connect, join again, and hear each other", async () => {
    await gateway.start();
    for (const w of [heron, tern]) {
      await w.page.waitForSelector('#state[data-state="connected"]', { timeout: 60_000 });
      await w.sees("Back again");
      w.mayFail = false;
    }
    await heron.say("after the restart");
    await tern.sees("after the restart");
    assert.ok(await heron.page.isHidden("#fault"));
  });
  await check("Disconnect and Connect do what they say", async () => {
    await tern.page.click("#toggle");
    assert.equal(await tern.text("#state-text"), "not connected");
    await tern.page.click("#toggle");
    await tern.page.waitForSelector('#state[data-state="connected"]');
    await eventually(() => tern.page.isEnabled("#say-button"), "it may speak again");
    await heron.say("welcome back");
    await tern.sees("welcome back");
  });
}

// token signs an access token as an application would (HS256, RFC 7515).
function token(key, role = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"]) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part({
    aud: `http://${locked.address}/client/hubs/chat`, sub: "plover", iat: now, exp: now + 600, role,
  })}`;
  return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
}

async function access() {
  const key = "a key that only this test has";
  await check("a gateway with keys lets in who has a token, and the page tells the others what to do", async () => {
    locked = new Gateway(flag("--gateway"), ["--set", `keys=${key}`]);
    await locked.start();
    const w = await Window.open(browser, "Plover");
    w.mayFail = true;
    await w.open(`http://${locked.address}/`);
    await w.page.click("#join-button");
    await eventually(async () => /access token/.test(await w.text("#fault-text")), "the page asks for a token");
    await w.page.click(".side summary");
    await w.page.fill("#token", token(key));
    await w.page.press("#token", "Enter");
    await w.page.waitForSelector("#say-button:enabled");
    await w.say("let in");
    await w.sees("let in");
    assert.deepEqual(w.complaints, []);
    await w.close();
  });
  await check("what a token's roles do not allow is refused in words", async () => {
    const w = await Window.open(browser, "Plover");
    await w.open(`http://${locked.address}/`);
    await w.page.click(".side summary");
    await w.page.fill("#token", token(key, []));
    await w.page.press("#token", "Enter");
    await w.page.waitForSelector('#state[data-state="connected"]');
    await w.page.click("#join-button");
    await eventually(async () => /^Could not join lobby: .*\S/.test(await w.text("#fault-text")), "the refusal is shown");
    assert.equal(await w.page.locator("#groups li").count(), 0);
    await w.close();
  });
}

async function manners() {
  await check("the list stays at its end when it shrinks, and where a reader scrolled to when it does not", async () => {
    const list = heron.page.locator("#messages");
    const below = () => list.evaluate((e) => e.scrollHeight - e.scrollTop - e.clientHeight);
    await heron.page.setViewportSize({ width: 1400, height: 600 });
    await eventually(async () => (await below()) < 2, "it is at its end");
    await list.evaluate((e) => { e.scrollTop = 0; });
    await eventually(async () => (await below()) > 1_000, "it is scrolled up");
    await tern.say("to a reader of old messages");
    await heron.sees("to a reader of old messages");
    assert.ok((await below()) > 1_000);
    await list.evaluate((e) => { e.scrollTop = e.scrollHeight; });
  });
  await check("everything can be reached and done by keyboard", async () => {
    const w = await Window.open(browser, "Plover");
    await w.open(`http://${gateway.address}/`);
    await w.page.focus("#group");
    await w.page.keyboard.press("Enter");
    await w.page.waitForSelector("#say-button:enabled");
    await w.page.focus("#text");
    await w.page.keyboard.type("typed");
    await w.page.keyboard.press("Enter");
    await w.sees("typed");
    await w.close();
  });
  await check("every control has a name", async () => {
    const nameless = await heron.page.$$eval("input, button, a", (all) => all
      .filter((e) => !(e.labels?.length || e.textContent.trim() || e.getAttribute("aria-label")))
      .map((e) => e.outerHTML));
    assert.deepEqual(nameless, []);
  });
  await check("nothing is wider than the window, from 360 to 1400 pixels", async () => {
    for (const width of [360, 480, 680, 900, 1080, 1400]) {
      await heron.page.setViewportSize({ width, height: 800 });
      const wide = await heron.page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `${wide} px at ${width}`);
    }
  });
  await check("no script error, no message on the console, no violation of the page's own policy", () => {
    for (const w of [heron, tern]) assert.deepEqual(w.complaints, []);
  });
}

await main(async () => {
  await gateway.start();
  browser = await launch();
  [heron, tern] = [await Window.open(browser, "Heron"), await Window.open(browser, "Tern")];
  for (const part of [conversation, groups, plainSocket, load, trouble, access, manners]) await part();
  if (picture) {
    await check(`the picture is in ${picture}`, () => takePicture(browser, `http://${gateway.address}/`, picture));
  }
}, async () => {
  await browser?.close();
  await locked?.stop();
  await gateway.stop();
});

// The unmodified @azure/web-pubsub-client over its reliable protocol, against three
// gateways on one Redis: connections are cut, clients are moved, a node is drained and
// one is killed, while messages flow. Nobody may miss one, or see the order change.

import { WebPubSubClient, WebPubSubJsonReliableProtocol } from "@azure/web-pubsub-client";
import { Balancer } from "./balancer.mjs";
import { assert, check, flag, main } from "./checks.mjs";
import { eventually, Gateway } from "./gateway.mjs";
import { Redis } from "./redis.mjs";

const READERS = 12;
const PAUSE = 2; // ms between messages
const GROUP = "flow";

const redis = new Redis();
const gateways = []; // a, b, c
const clients = [];
const readers = [];
let publisher, stopped = false, said = 0;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function open(address) {
  const client = new WebPubSubClient(`ws://${address}/client/hubs/chat`, { protocol: WebPubSubJsonReliableProtocol() });
  const seen = { client, ids: [], disconnected: 0 };
  client.on("connected", (e) => seen.ids.push(e.connectionId));
  client.on("disconnected", () => { seen.disconnected++; });
  clients.push(client);
  return seen;
}

/** A reader: what came, in its order, and how often the same came again. */
async function reader(targets) {
  const balancer = new Balancer(targets);
  await balancer.start();
  const seen = Object.assign(await open(balancer.address), { balancer, first: -1, next: -1, again: 0, faults: [] });
  seen.client.on("group-message", ({ message }) => {
    const n = message.data;
    if (seen.next < 0) seen.first = n;
    else if (n < seen.next) { seen.again++; return; }
    else if (n > seen.next) seen.faults.push(`${n} after ${seen.next - 1}`);
    seen.next = n + 1;
  });
  await seen.client.start();
  await seen.client.joinGroup(GROUP);
  readers.push(seen);
}

/** Publishes numbers, each acked, until it is told to stop. */
async function publish() {
  while (!stopped) {
    await publisher.client.sendToGroup(GROUP, said, "json");
    said++;
    await sleep(PAUSE);
  }
}

/** Waits until every reader has what was said by now, and says what went wrong. */
async function settled(what, twice) {
  await sleep(500);
  const upTo = said;
  await eventually(() => readers.every((r) => r.next >= upTo), `${what}: every reader has message ${upTo - 1}`, 60_000);
  const lost = readers.flatMap((r) => r.faults);
  const again = readers.reduce((n, r) => n + r.again, 0);
  const carried = readers.reduce((n, r) => n + r.balancer.carried, 0);
  const anew = readers.filter((r) => r.ids.length !== 1 || r.disconnected > 0).length;
  console.log(`      ${what}: ${said} messages to ${READERS} readers, ${lost.length} lost, ${again} again, ${carried} connections, ${anew} sessions begun anew`);
  assert.deepEqual(lost, [], "holes");
  assert.equal(anew, 0, "sessions that were not recovered");
  if (!twice) assert.equal(again, 0, "messages that came twice");
}


const address = (i) => gateways[i].address;

await main(async () => {
  await redis.start();
  for (let i = 0; i < 3; i++) {
    const args = ["--broker", redis.url, "--set", "capacity=100000", "--set", "drain.delay=0", "--set", "drain.window=1s"];
    gateways.push(new Gateway(flag("--gateway"), args));
    await gateways[i].start();
  }
  publisher = await open(address(2));
  await publisher.client.start();
  for (let i = 0; i < READERS; i++) await reader([address(i % 3)]);
  const publishing = publish();

  await check("connections that are cut go on where they were", async () => {
    for (let round = 0; round < 5; round++) {
      await sleep(300);
      for (const r of readers) r.balancer.cut();
      await eventually(() => readers.every((r) => r.balancer.carried >= round + 2), "every reader is back");
    }
    await settled("cut");
  });

  await check("connections that are cut go on on another node", async () => {
    for (let round = 1; round < 4; round++) {
      await sleep(300);
      readers.forEach((r, i) => {
        r.balancer.send(address((i + round) % 3));
        r.balancer.cut();
      });
    }
    await settled("moved");
  });

  await check("a node that is drained gives its clients to the others", async () => {
    readers.forEach((r, i) => {
      r.balancer.send(address(i % 3));
      r.balancer.cut();
    });
    await settled("before the drain");
    readers.forEach((r) => r.balancer.send(address(0), address(1)));
    readers.forEach((r, i) => { if (i % 3 === 0) r.balancer.send(address(1), address(2)); });
    await gateways[0].stop();
    await settled("drained");
  });

  await check("kill -9 of a node: its clients are back on the others, and nothing is lost", async () => {
    const mine = readers.filter((r, i) => i % 3 !== 2);
    mine.forEach((r) => r.balancer.send(address(1)));
    mine.forEach((r) => r.balancer.cut());
    await settled("before the kill");
    await sleep(1000);
    readers.forEach((r) => r.balancer.send(address(2)));
    const twiceBefore = readers.reduce((n, r) => n + r.again, 0);
    await gateways[1].kill();
    await sleep(500);
    await settled("killed", true);
    const twice = readers.reduce((n, r) => n + r.again, 0) - twiceBefore;
    console.log(`      of ${mine.length} clients of the node that was killed ${twice} messages came twice`);
  });

  stopped = true;
  await publishing;
  await check("nobody has begun anew, and all have all", () => settled("in the end", true));
}, async () => {
  stopped = true;
  for (const client of clients) client.stop();
  for (const r of readers) r.balancer.stop();
  for (const g of gateways) await g.stop();
  await redis.stop();
});

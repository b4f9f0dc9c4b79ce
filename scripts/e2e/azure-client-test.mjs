// The unmodified @azure/web-pubsub-client against the gateway: what its users rely
// on, over both of the protocols that it speaks.

import { WebPubSubClient, WebPubSubJsonProtocol, WebPubSubJsonReliableProtocol } from "@azure/web-pubsub-client";
import { assert, check, flag, main } from "./checks.mjs";
import { compressing, Gateway, eventually } from "./gateway.mjs";

// The client's WebSocket library offers compression.
const gateway = new Gateway(flag("--gateway"), process.argv.includes("--compress") ? compressing : []);
const clients = [];

// open starts a client that notes everything it is told.
async function open(protocol) {
  const options = protocol ? { protocol: protocol() } : {};
  const client = new WebPubSubClient(`ws://${gateway.address}/client/hubs/chat`, options);
  const seen = { client, messages: [], connectionId: "", disconnected: 0 };
  client.on("connected", (e) => { seen.connectionId = e.connectionId; });
  client.on("disconnected", () => { seen.disconnected++; });
  client.on("group-message", (e) => seen.messages.push(e.message));
  clients.push(client);
  await client.start();
  // The client tells its listeners after start has returned.
  await eventually(() => seen.connectionId !== "", "the client is connected");
  return seen;
}

const of = (seen, group) => seen.messages.filter((m) => m.group === group);
const arrived = (seen, group, n) => eventually(() => of(seen, group).length >= n, `${n} messages in ${group}`);

// refusal is the error that a promise is rejected with.
const refusal = (promise) => promise.then(() => assert.fail("it was accepted"), (err) => err);

// suite is every check, over one protocol, in groups of its own.
async function suite(title, protocol) {
  const group = (name) => `${title}-${name}`;
  let a, b;
  await check(`${title}: two clients start, and each has a connection id of its own`, async () => {
    [a, b] = [await open(protocol), await open(protocol)];
    assert.ok(a.connectionId && b.connectionId);
    assert.notEqual(a.connectionId, b.connectionId);
  });
  if (!b) return; // nothing below could say more than this did

  await check(`${title}: joinGroup is acked, and may be repeated`, async () => {
    for (const { client } of [a, b, b]) {
      const result = await client.joinGroup(group("types"));
      assert.equal(result.isDuplicated, false);
    }
  });

  await check(`${title}: json, text and binary arrive as they were sent, at both`, async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    await a.client.sendToGroup(group("types"), { n: 1, s: "grüße \u2028 \"quoted\"", list: [1.5, true, null] }, "json");
    await a.client.sendToGroup(group("types"), "two\nlines, and a \\", "text");
    await a.client.sendToGroup(group("types"), bytes.buffer, "binary");
    for (const seen of [a, b]) {
      await arrived(seen, group("types"), 3);
      const [json, text, binary] = of(seen, group("types"));
      assert.deepEqual([json.dataType, json.data], ["json", { n: 1, s: "grüße \u2028 \"quoted\"", list: [1.5, true, null] }]);
      assert.deepEqual([text.dataType, text.data], ["text", "two\nlines, and a \\"]);
      assert.equal(binary.dataType, "binary");
      assert.deepEqual(new Uint8Array(binary.data), bytes);
    }
  });

  await check(`${title}: with noEcho the sender hears nothing of it, and the others do`, async () => {
    for (const { client } of [a, b]) await client.joinGroup(group("echo"));
    await a.client.sendToGroup(group("echo"), "first", "text", { noEcho: true });
    await a.client.sendToGroup(group("echo"), "second", "text");
    await arrived(a, group("echo"), 1);
    await arrived(b, group("echo"), 2);
    // What comes after it has arrived, so what is missing will not come.
    assert.deepEqual(of(a, group("echo")).map((m) => m.data), ["second"]);
    assert.deepEqual(of(b, group("echo")).map((m) => m.data), ["first", "second"]);
  });

  await check(`${title}: fire and forget arrives too`, async () => {
    await b.client.joinGroup(group("forget"));
    await a.client.sendToGroup(group("forget"), "unacked", "text", { fireAndForget: true });
    await arrived(b, group("forget"), 1);
  });

  await check(`${title}: a message carries its position, and later ones later positions`, async () => {
    await b.client.joinGroup(group("position"));
    for (const text of ["one", "two"]) await a.client.sendToGroup(group("position"), text, "text");
    await arrived(b, group("position"), 2);
    const [one, two] = of(b, group("position")).map((m) => m.position.split("-").map(Number));
    assert.ok(one[0] < two[0] || (one[0] === two[0] && one[1] < two[1]), `${one} before ${two}`);
  });

  await check(`${title}: an ackId that was used is told to be a duplicate, and nothing is said twice`, async () => {
    await b.client.joinGroup(group("duplicate"));
    const send = () => a.client.sendToGroup(group("duplicate"), "once", "text", { ackId: 4711 });
    assert.equal((await send()).isDuplicated, false);
    assert.equal((await send()).isDuplicated, true);
    await a.client.sendToGroup(group("duplicate"), "after", "text");
    await arrived(b, group("duplicate"), 2);
    assert.deepEqual(of(b, group("duplicate")).map((m) => m.data), ["once", "after"]);
  });

  await check(`${title}: sendEvent without a handler is refused in words`, async () => {
    const err = await refusal(a.client.sendEvent("greet", { hello: 1 }, "json"));
    assert.equal(err.name, "SendMessageError", String(err.stack));
    assert.ok(err.errorDetail?.name, `an error name in ${JSON.stringify(err)}`);
    assert.match(err.errorDetail.message, /greet|handler/);
  });

  await check(`${title}: after leaveGroup nothing more arrives`, async () => {
    for (const { client } of [a, b]) await client.joinGroup(group("leave"));
    await a.client.sendToGroup(group("leave"), "before", "text");
    await arrived(b, group("leave"), 1);
    await b.client.leaveGroup(group("leave"));
    await a.client.sendToGroup(group("leave"), "while away", "text");
    await b.client.joinGroup(group("leave"));
    await a.client.sendToGroup(group("leave"), "back", "text");
    await arrived(b, group("leave"), 2);
    assert.deepEqual(of(b, group("leave")).map((m) => m.data), ["before", "back"]);
  });

  await check(`${title}: 2000 messages, many at once, arrive in order and once at both`, async () => {
    const total = 2_000, batch = 100;
    for (const { client } of [a, b]) await client.joinGroup(group("many"));
    for (let i = 0; i < total; i += batch) {
      await Promise.all(Array.from({ length: batch }, (_, k) => a.client.sendToGroup(group("many"), { i: i + k }, "json")));
    }
    const want = Array.from({ length: total }, (_, i) => i);
    for (const seen of [a, b]) {
      await arrived(seen, group("many"), total);
      assert.deepEqual(of(seen, group("many")).map((m) => m.data.i), want);
    }
  });

  await check(`${title}: 60 KiB in one message arrive whole`, async () => {
    await b.client.joinGroup(group("large"));
    const text = "0123456789abcdef".repeat(60 * 64);
    await a.client.sendToGroup(group("large"), text, "text");
    await arrived(b, group("large"), 1);
    assert.equal(of(b, group("large"))[0].data, text);
  });

  await check(`${title}: nobody was disconnected meanwhile`, () => {
    assert.deepEqual([a.disconnected, b.disconnected], [0, 0]);
  });

  await check(`${title}: stop ends the client, and the other stays`, async () => {
    a.client.stop();
    await eventually(() => a.disconnected === 1, "the client that stopped says so");
    await b.client.sendToGroup(group("types"), "still here", "text");
    assert.equal(b.disconnected, 0);
  });
}

// restart: the client's own reconnect and rejoin, against a gateway that went away.
async function restart() {
  const name = "restart";
  const seen = await open(() => WebPubSubJsonProtocol());
  await seen.client.joinGroup(name);
  const before = seen.connectionId;
  await gateway.stop();
  await eventually(() => seen.disconnected === 1, "the client notices");
  await gateway.start();
  await eventually(() => seen.connectionId !== before, "it is connected again", 60_000);
  await seen.client.sendToGroup(name, "again", "text");
  await arrived(seen, name, 1);
}

await main(async () => {
  await gateway.start();
  await suite("json", () => WebPubSubJsonProtocol());
  await suite("reliable", () => WebPubSubJsonReliableProtocol());
  await suite("default", null);
  await check("after a restart of the gateway the client connects and joins again", restart);
}, async () => {
  for (const client of clients) client.stop();
  await gateway.stop();
});

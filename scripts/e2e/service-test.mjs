// The unmodified @azure/web-pubsub, the library of application servers, against the data
// plane, with clients of @azure/web-pubsub-client that have its tokens.

import { WebPubSubServiceClient } from "@azure/web-pubsub";
import { WebPubSubClient, WebPubSubJsonProtocol } from "@azure/web-pubsub-client";
import { assert, check, flag, main } from "./checks.mjs";
import { Gateway, eventually } from "./gateway.mjs";

const key = "an access key of this test and of nothing else";
const gateway = new Gateway(flag("--gateway"), ["--set", `keys=${key}`, "--set", "presence.groups=**"]);
const clients = [];
let service;

// open starts a client with a token that the service has made.
async function open(userId, roles = []) {
  const { token } = await service.getClientAccessToken({ userId, roles });
  const url = `ws://${gateway.address}/client/hubs/chat?access_token=${token}`;
  const client = new WebPubSubClient(url, { protocol: WebPubSubJsonProtocol(), autoReconnect: false, messageRetryOptions: { maxRetries: 0 } });
  const seen = { client, messages: [], connectionId: "", stopped: false, reason: "" };
  client.on("connected", (e) => { seen.connectionId = e.connectionId; });
  client.on("disconnected", (e) => { seen.reason = e.message?.message ?? ""; });
  client.on("stopped", () => { seen.stopped = true; });
  client.on("group-message", (e) => seen.messages.push(e.message.data));
  client.on("server-message", (e) => seen.messages.push(e.message.data));
  clients.push(client);
  await client.start();
  await eventually(() => seen.connectionId !== "", "the client is connected");
  return seen;
}

// forbidden reports whether a request of a client is refused for want of a permission.
const forbidden = (promise) => promise.then(() => false, (err) => {
  if (err.errorDetail?.name !== "Forbidden") throw err;
  return true;
});

async function permissions() {
  const { client, connectionId } = await open("ann", ["webpubsub.sendToGroups.room.*"]);
  const room = { targetName: "room.1" };
  assert.equal(await forbidden(client.sendToGroup("room.1", "x", "text")), false);
  await service.revokePermission(connectionId, "sendToGroup", room);
  assert.equal(await service.hasPermission(connectionId, "sendToGroup", room), false);
  assert.equal(await service.hasPermission(connectionId, "sendToGroup", { targetName: "room.2" }), true);
  assert.equal(await forbidden(client.sendToGroup("room.1", "x", "text")), true);
  assert.equal(await forbidden(client.joinGroup("hall")), true);
  await service.grantPermission(connectionId, "joinLeaveGroup", { targetName: "hall" });
  assert.equal(await service.hasPermission(connectionId, "joinLeaveGroup", { targetName: "hall" }), true);
  assert.equal(await forbidden(client.joinGroup("hall")), false);
}

async function groups() {
  const seen = await open("bob");
  const group = service.group("news");
  await group.addConnection(seen.connectionId);
  await group.sendToAll("one", { contentType: "text/plain" });
  await group.removeConnection(seen.connectionId);
  await group.sendToAll("two", { contentType: "text/plain" });
  await group.addUser("bob");
  await group.sendToAll({ n: 3 });
  await eventually(() => seen.messages.length === 2, "two messages");
  assert.deepEqual(seen.messages, ["one", { n: 3 }]);
  await eventually(() => service.groupExists("news"), "the group is there");
  const ids = [];
  for await (const member of await group.listConnections()) ids.push(member.connectionId);
  assert.deepEqual(ids, [seen.connectionId]);
  await service.removeUserFromAllGroups("bob");
  await eventually(async () => !(await service.groupExists("news")), "the group is empty");
  await service.sendToAll("all", { contentType: "text/plain" });
  await eventually(() => seen.messages.length === 3, "the message to all");
  assert.equal(seen.messages[2], "all");
}

async function closing() {
  const [one, two, other] = [await open("eve"), await open("eve"), await open("fay")];
  assert.equal(await service.connectionExists(one.connectionId), true);
  await service.closeConnection(one.connectionId, { reason: "enough" });
  await eventually(() => one.stopped, "it is closed");
  assert.equal(one.reason, "enough");
  assert.equal(await service.connectionExists(one.connectionId), false);
  assert.equal(await service.userExists("eve"), true);
  await service.closeUserConnections("eve");
  await eventually(() => two.stopped, "the user's other one is closed");
  assert.equal(await service.userExists("eve"), false);
  assert.equal(other.stopped, false);
  await service.closeAllConnections({ excluded: [other.connectionId] });
  await service.group("nobody").closeAllConnections();
  assert.equal(await service.connectionExists(other.connectionId), true);
}

async function wrongKey() {
  const endpoint = `Endpoint=http://127.0.0.1;Port=${gateway.operator.split(":")[1]};AccessKey=another key than that of the gateway;Version=1.0;`;
  const stranger = new WebPubSubServiceClient(endpoint, "chat", { allowInsecureConnection: true });
  const err = await stranger.sendToAll("x", { contentType: "text/plain" }).then(() => assert.fail("it was accepted"), (e) => e);
  assert.equal(err.statusCode, 401);
}

await main(async () => {
  await gateway.start();
  const endpoint = `Endpoint=http://127.0.0.1;Port=${gateway.operator.split(":")[1]};AccessKey=${key};Version=1.0;`;
  service = new WebPubSubServiceClient(endpoint, "chat", { allowInsecureConnection: true });
  await check("permissions of a connection are revoked and granted while it is there", permissions);
  await check("connections and users are put into groups, taken out, listed and spoken to", groups);
  await check("connections are closed: one, a user's, all but some", closing);
  await check("another key opens nothing", wrongKey);
}, async () => {
  for (const client of clients) client.stop();
  await gateway.stop();
});

// A chat in the terminal: node chat.mjs [GROUP] [NAME]. Ends with ctrl-D.

import { createInterface } from "node:readline";
import { WebPubSubClient, WebPubSubJsonProtocol } from "@azure/web-pubsub-client";

const [group = "lobby", name = "node"] = process.argv.slice(2);
const url = process.env.TIDEGATE_URL ?? "ws://127.0.0.1:8000/client/hubs/chat";

const client = new WebPubSubClient(url, { protocol: WebPubSubJsonProtocol() });

client.on("connected", (e) => console.log(`connected as ${e.connectionId}`));
client.on("disconnected", () => console.log("disconnected"));
client.on("rejoin-group-failed", (e) => console.log(`could not join ${e.group} again: ${e.error.message}`));

// data is what the sender sent, by its type: a JSON value, a string, or bytes.
client.on("group-message", ({ message: { data, position } }) => {
  let text = data?.text ?? data;
  if (text instanceof ArrayBuffer) text = `${text.byteLength} bytes`;
  if (typeof text !== "string") text = JSON.stringify(text);
  console.log(`${position}  ${data?.name ?? "?"}: ${text}`);
});

try {
  await client.start();
  await client.joinGroup(group);
} catch (err) {
  console.error(`${err.message}: is the gateway running at ${url}?`);
  process.exit(1);
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() === "") continue;
  try {
    // Resolved means acked: the message is in the group's stream. noEcho, because
    // the line stands in this terminal already.
    await client.sendToGroup(group, { name, text: line, sent: Date.now() }, "json", { noEcho: true });
  } catch (err) {
    console.error(`not sent: ${err.errorDetail?.message ?? err.message}`);
  }
}
client.stop();

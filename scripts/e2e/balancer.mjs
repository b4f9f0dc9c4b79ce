// A TCP load balancer that can be told where to send and when to cut: the network
// between a client and the gateways.

import { once } from "node:events";
import { connect, createServer } from "node:net";

export class Balancer {
  #server = createServer((client) => this.#accept(client));
  #sockets = new Set();
  #targets; // host:port, the preferred ones first
  address = "";
  carried = 0; // connections

  constructor(targets) { this.#targets = targets; }

  async start() {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.address = `127.0.0.1:${this.#server.address().port}`;
  }

  /** Sends new connections to these, the first that accepts. */
  send(...targets) { this.#targets = targets; }

  /** Cuts every connection, without a word of WebSocket. */
  cut() { for (const socket of this.#sockets) socket.destroy(); }

  stop() {
    this.cut();
    this.#server.close();
  }

  async #accept(client) {
    client.on("error", () => client.destroy());
    this.#sockets.add(client);
    client.on("close", () => this.#sockets.delete(client));
    for (const target of this.#targets) {
      const [host, port] = target.split(":");
      const server = connect(Number(port), host);
      try {
        await once(server, "connect");
      } catch {
        continue;
      }
      server.on("error", () => client.destroy());
      server.on("close", () => client.destroy());
      client.on("close", () => server.destroy());
      client.pipe(server).pipe(client);
      this.carried++;
      return;
    }
    client.destroy();
  }
}

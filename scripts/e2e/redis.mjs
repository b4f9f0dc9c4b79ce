// A redis-server of our own, on a free port, for the length of a test.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./gateway.mjs";

export class Redis {
  #process = null;
  #dir = mkdtempSync(join(tmpdir(), "tidegate-redis-"));
  #port = 0;

  get url() { return `redis://127.0.0.1:${this.#port}/0`; }

  /** Starts it and waits until it accepts. */
  async start() {
    const free = createServer().listen(0, "127.0.0.1");
    await once(free, "listening");
    this.#port = free.address().port;
    free.close();
    const program = process.env.TIDEGATE_REDIS_SERVER ?? "redis-server";
    const args = ["--port", String(this.#port), "--bind", "127.0.0.1", "--save", "", "--dir", this.#dir];
    this.#process = spawn(program, args, { stdio: "ignore" });
    await eventually(() => this.#accepts(), `${program} accepts connections`);
  }

  #accepts() {
    return new Promise((resolve) => {
      const socket = connect(this.#port, "127.0.0.1");
      socket.on("connect", () => { socket.destroy(); resolve(true); });
      socket.on("error", () => resolve(false));
    });
  }

  async stop() {
    if (this.#process) {
      const exited = once(this.#process, "exit");
      this.#process.kill("SIGKILL");
      await exited;
    }
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

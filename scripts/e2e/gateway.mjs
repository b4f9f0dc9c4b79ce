// A gateway of our own, on a free port, for the length of a test.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const builtHere = fileURLToPath(new URL("../../bin/gateway", import.meta.url));
const STARTS_WITHIN = 20_000; // ms
const STOPS_WITHIN = 20_000; // ms

/** The settings of a gateway that compresses even small messages. */
export const compressing = ["--set", "compression.enabled=true", "--set", "compression.min_bytes=64"];

export class Gateway {
  // Static after construction.
  #program;
  #args;
  // Of the present process.
  #process = null;
  #log = []; // its last lines, for the report of a failure
  #failed = null; // why it ended, when nobody asked it to
  address = "127.0.0.1:0"; // where it listens, once it does
  operator = ""; // and where for the application

  constructor(program = builtHere, args = []) {
    if (!existsSync(program)) throw new Error(`there is no ${program}: run make build first`);
    this.#program = program;
    this.#args = args;
  }

  get log() { return this.#log.join("\n"); }

  /** Starts it and waits until it listens. After a stop it comes back on the same port. */
  async start() {
    this.#failed = null;
    const args = ["--broker", "memory", "--listen", this.address, "--operator", "127.0.0.1:0", "--set", "drain.delay=0", ...this.#args];
    const child = spawn(this.#program, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    child.on("error", (err) => { this.#failed = err; });
    child.on("exit", (code, signal) => {
      if (this.#process === child) this.#failed = new Error(`the gateway ended with ${signal ?? `code ${code}`}:\n${this.log}`);
    });
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => this.#line(line));
    }
    this.#listening = false;
    await eventually(() => {
      if (this.#failed) throw this.#failed;
      return this.#listening;
    }, "the gateway listens", STARTS_WITHIN);
  }

  #listening = false;

  // #line looks for the address in the log, in its text or its JSON form.
  #line(line) {
    this.#log.push(line);
    if (this.#log.length > 50) this.#log.shift();
    if (!/listening/.test(line)) return;
    const found = /address"?[=:]"?([\d.]+:\d+)/.exec(line);
    if (!found) return;
    if (/name"?[=:]"?public/.test(line)) this.address = found[1];
    else this.operator = found[1];
    this.#listening = this.operator !== "" && /name/.test(line);
  }

  /** Kills it with SIGKILL, and waits until it is gone. */
  async kill() {
    const child = this.#process;
    this.#process = null;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }

  /** Ends it as an operator would, and waits until it is gone. */
  async stop() {
    const child = this.#process;
    this.#process = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    const hard = setTimeout(() => child.kill("SIGKILL"), STOPS_WITHIN);
    await exited;
    clearTimeout(hard);
  }
}

/** Asks until the answer is true. A busy machine makes it slower and never wrong. */
export async function eventually(ask, what, within = 20_000) {
  const deadline = Date.now() + within;
  while (!(await ask())) {
    if (Date.now() > deadline) throw new Error(`not within ${within / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

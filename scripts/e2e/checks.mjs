// Checks: each is a sentence that holds or does not, and gets a line.

import assert from "node:assert/strict";

export { assert };

let passed = 0;
let failed = 0;

/** Runs one check and prints its line. The others run all the same. */
export async function check(sentence, run) {
  const began = performance.now();
  try {
    await run();
    passed++;
    console.log(`ok    ${sentence} (${Math.round(performance.now() - began)} ms)`);
  } catch (err) {
    failed++;
    console.log(`FAIL  ${sentence}\n      ${String(err.stack ?? err).replaceAll("\n", "\n      ")}`);
  }
}

/** Runs a whole test: the closing line, the cleaning up, and the exit code. What throws
 * outside of a check is a failure too, and so is a test that checked nothing. */
export async function main(run, cleanUp) {
  try {
    await run();
  } catch (err) {
    failed++;
    console.log(`FAIL  ${err.stack ?? err}`);
  } finally {
    await cleanUp();
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 && passed > 0 ? 0 : 1);
}

/** The value of a flag on the command line, or undefined. */
export function flag(name) {
  const i = process.argv.indexOf(name);
  return i < 0 ? undefined : process.argv[i + 1];
}

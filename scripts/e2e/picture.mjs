// The picture of the page for the README: a conversation, and plots that move.

import { Window } from "./window.mjs";
import { eventually } from "./gateway.mjs";

const talk = [
  ["Heron", "Is anybody else at the weir this morning?"],
  ["Tern", "Two of us, on the far bank. The gate opened at six."],
  ["Heron", "Then the water should be with you in twenty minutes."],
  ["Dunlin", "It is here already, and rising."],
  ["Tern", "Down at the lock it is still quite low."],
  ["Dunlin", "Give it time. Heron, what does your gauge say?"],
  ["Heron", "2.31 m, four up since the last reading."],
  ["Tern", "Then we shall be afloat by eight."],
  ["Dunlin", "See you at the lock."],
];

// bursts are the load that shapes the plots: [window, messages a second, seconds].
const bursts = [[0, 20, 4], [1, 60, 5], [2, 35, 4], [1, 90, 3], [0, 25, 6]];

/** Plays a scene in three windows and writes what the first sees to file, as PNG. */
export async function takePicture(browser, url, file) {
  const windows = [];
  for (const name of ["Heron", "Tern", "Dunlin"]) {
    // The others are small: what they paint is not seen, and costs the first its time.
    const seen = windows.length === 0 && { viewport: { width: 1400, height: 740 }, deviceScaleFactor: 1.5 };
    const w = await Window.open(browser, name, { viewport: { width: 400, height: 400 }, colorScheme: "light", ...seen });
    await w.open(url);
    await w.page.fill("#name", name);
    await w.join("harbour");
    await w.join("lobby");
    windows.push(w);
  }
  for (const [i, rate, seconds] of bursts) {
    const w = windows[i];
    await w.choose("harbour");
    await w.page.fill("#load-rate", String(rate));
    await w.page.fill("#load-seconds", String(seconds));
    await w.page.click("#load-button");
    await eventually(async () => (await w.text("#load-button")) === "Start load", "the load is done", 60_000);
  }
  for (const w of windows) await w.choose("lobby");
  for (const [name, text] of talk) {
    await windows.find((w) => w.name === name).say(text);
    await windows[0].sees(text);
  }
  const [first] = windows;
  // The counts and the plots follow twice a second.
  await eventually(async () => (await first.count("lobby")) === String(talk.length), "the picture is up to date");
  await first.page.screenshot({ path: file });
  for (const w of windows) await w.close();
}

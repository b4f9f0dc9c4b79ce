// What this page says to a group, and how it reads what others say. The gateway
// does not look into payloads: senders without a token have no user id, so here
// the name is part of the message.
//
//   {"name": "Heron", "text": "hello", "sent": 1790000000000.1, "page": "k3f9…"}
//
// sent is milliseconds by the sender's clock; page tells a window its own messages
// from others', which is how it can measure a round trip.

const LONGEST = 2_000; // characters shown of one message

const page = crypto.getRandomValues(new Uint32Array(2)).join("-");

/** The time in ms, finer than Date.now, and not moved when the clock is set. */
export const now = () => Math.round((performance.timeOrigin + performance.now()) * 10) / 10;

/** Makes the payload of a message. */
export const write = (name, text) => ({ name, text, sent: now(), page });

/** Reads a message frame: {name, text, sent, mine, position}. Anything may have been
 * sent to a group, by curl or by a plain WebSocket, so nothing is trusted to be there. */
export function read(frame) {
  const said = open(frame);
  const sent = Number.isFinite(said.sent) ? said.sent : now();
  return {
    name: typeof said.name === "string" && said.name !== "" ? said.name.slice(0, 40) : frame.fromUserId ?? "",
    text: String(said.text).slice(0, LONGEST),
    sent: Math.abs(sent) < 8.64e15 ? sent : now(), // beyond it a Date is invalid
    mine: said.page === page,
    position: frame.position ?? "",
  };
}

// open finds our members in a payload of any data type. A plain WebSocket sends
// text, and what it sends may well be our JSON.
function open(frame) {
  switch (frame.dataType) {
    case "binary":
      return { text: `${atob(frame.data).length} bytes of binary data` };
    case "text":
      return parse(frame.data) ?? { text: frame.data };
    default:
      return ours(frame.data) ?? { text: JSON.stringify(frame.data) };
  }
}

const ours = (value) => (typeof value?.text === "string" ? value : null);

function parse(text) {
  try {
    return ours(JSON.parse(text));
  } catch {
    return null;
  }
}

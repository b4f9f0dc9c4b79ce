// A line plot of the last minute, as SVG: its colours and type come from the style
// sheet, so it follows the colour scheme, and it stays sharp at any size.

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 150;
const MARGIN = { left: 52, right: 10, top: 8, bottom: 22 };

/** The round numbers on an axis from 0 to at least max: at most five, 1, 2 or 5 times
 * a power of ten apart. */
export function ticks(max) {
  const rough = Math.max(max, 1e-6) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((n) => n * power >= rough * (1 - 1e-9)) * power;
  const count = Math.ceil(max / step - 1e-9);
  return Array.from({ length: Math.max(count, 1) + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}

export class Plot {
  #host;
  #lines; // [{key, fill}]: the series, drawn in this order
  #unit;
  #floor; // the axis is at least this high, so that noise does not fill it
  #series = null;

  /** Draws into host. The series' names are their CSS classes. */
  constructor(host, { label, unit, floor, lines }) {
    this.#host = host;
    this.#lines = lines;
    this.#unit = unit;
    this.#floor = floor;
    this.#host.setAttribute("role", "img");
    this.#host.setAttribute("aria-label", `${label}, over the last 60 seconds`);
    // One unit is one CSS pixel, so letters keep their size when the plot does not.
    new ResizeObserver(() => this.#paint()).observe(host);
  }

  /** Shows a series, as Meter.series returns it. */
  show(series) {
    this.#series = series;
    this.#paint();
  }

  #paint() {
    const width = this.#host.clientWidth;
    if (!this.#series || width < 80) return;
    const values = this.#lines.flatMap(({ key }) => this.#series[key]);
    const marks = ticks(Math.max(this.#floor, ...values.map((v) => v ?? 0)));
    const count = this.#series[this.#lines[0].key].length;
    const x = (i) => MARGIN.left + ((width - MARGIN.left - MARGIN.right) * i) / (count - 1);
    const y = (v) => HEIGHT - MARGIN.bottom - ((HEIGHT - MARGIN.top - MARGIN.bottom) * v) / marks.at(-1);
    const svg = node("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, "aria-hidden": "true" });
    this.#axes(svg, marks, x, y, count);
    for (const { key, fill } of this.#lines) {
      if (fill) svg.append(node("path", { class: `area ${key}`, d: area(this.#series[key], x, y) }));
      svg.append(node("path", { class: `line ${key}`, d: line(this.#series[key], x, y) }));
      svg.append(node("path", { class: `point ${key}`, d: points(this.#series[key], x, y) }));
    }
    this.#host.replaceChildren(svg);
  }

  #axes(svg, marks, x, y, count) {
    for (const mark of marks) {
      svg.append(node("path", { class: "grid", d: `M${x(0)} ${y(mark)}H${x(count - 1)}` }));
      const top = mark === marks.at(-1);
      svg.append(label(x(0) - 6, y(mark) + 4, "end", top ? `${mark} ${this.#unit}` : mark));
    }
    const bottom = HEIGHT - 6;
    svg.append(label(x(0), bottom, "start", `−${count} s`));
    svg.append(label(x((count - 1) / 2), bottom, "middle", `−${count / 2} s`));
    svg.append(label(x(count - 1), bottom, "end", "now"));
  }
}

// line is the path of a series. Where there is no value there is a gap.
function line(values, x, y) {
  let path = "";
  let drawing = false;
  values.forEach((value, i) => {
    if (value !== null) path += `${drawing ? "L" : "M"}${x(i)} ${y(value)}`;
    drawing = value !== null;
  });
  return path;
}

// points are the values alone between gaps, which a line does not show: lines of no
// length, which round caps make into dots.
function points(values, x, y) {
  const gap = (i) => (values[i] ?? null) === null;
  return values.map((v, i) => (!gap(i) && gap(i - 1) && gap(i + 1) ? `M${x(i)} ${y(v)}h0` : "")).join("");
}

const area = (values, x, y) =>
  `M${x(0)} ${y(0)}` + values.map((v, i) => `L${x(i)} ${y(v ?? 0)}`).join("") + `L${x(values.length - 1)} ${y(0)}Z`;

function label(x, y, anchor, text) {
  const t = node("text", { x, y, "text-anchor": anchor });
  t.textContent = text;
  return t;
}

function node(name, attributes) {
  const n = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) n.setAttribute(key, value);
  return n;
}

// The recovery curve with its fit, its band, and what the fit leaves.
import { svg } from "./regions.js";

const [HEIGHT, LOWER, LEFT, RIGHT] = [270, 90, 62, 10];

export function nice(low, high, n = 5) {
  const raw = (high - low || 1) / n;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((k) => k * power).find((one) => one >= raw * 0.999);
  const ticks = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + 1e-9 * step; at += step) ticks.push(+at.toPrecision(12));
  return ticks;
}

const short = (value) => (Math.abs(value) >= 1e5 || (value && Math.abs(value) < 1e-3) ? value.toExponential(1) : `${+value.toPrecision(4)}`);

export function chart(place, curve, frame, onPick) {
  const n = curve.times.length, WIDTH = Math.max(300, place.clientWidth || 640); // text keeps its size
  const finite = (values) => (values || []).filter((one) => one !== null && Number.isFinite(one));
  const [first, last] = [Math.min(curve.times[0], curve.bleached[0]), curve.times[n - 1]];
  const x = (t) => LEFT + (t - first) / (last - first || 1) * (WIDTH - LEFT - RIGHT);
  // A result may have no fit, no band, or neither in some frames: what there is, is drawn.
  const [fitted, band] = [curve.fitted, curve.band].map((some) => (finite(some).length ? some : null));
  const all = finite([...curve.measured, ...(fitted || [])]);
  if (!all.length) return place.replaceChildren("There is no light to draw a curve of.");
  let [low, high] = [Math.min(...all), Math.max(...all)];
  const room = 0.06 * (high - low || 1);
  [low, high] = [low - room, high + room];
  const y = (v) => 8 + (high - v) / (high - low) * (HEIGHT - 16);
  const left = fitted ? curve.measured.map((v, k) => (v === null || fitted[k] === null ? null : v - fitted[k])) : null;
  const reach = left ? 1.15 * Math.max(1e-12, ...finite(left).map(Math.abs)) : 1;
  const top = HEIGHT + 14;
  const r = (v) => top + (reach - v) / (2 * reach) * LOWER;
  const bottom = left ? top + LOWER : HEIGHT - 8;
  const drawn = svg("svg", { viewBox: `0 0 ${WIDTH} ${bottom + 36}`, role: "img", "aria-label": describe(curve, fitted) });
  drawn.append(svg("rect", { class: "gap", x: x(curve.bleached[0]), width: Math.max(1, x(0) - x(curve.bleached[0])), y: 8, height: bottom - 8 }));
  for (const tick of nice(low, high)) {
    drawn.append(svg("line", { class: "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: y(tick), y2: y(tick) }));
    drawn.append(svg("text", { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, short(tick)));
  }
  for (const tick of nice(first, last, WIDTH / 90)) {
    drawn.append(svg("text", { x: x(tick), y: bottom + 15, "text-anchor": "middle" }, short(tick)));
  }
  drawn.append(svg("text", { x: (LEFT + WIDTH - RIGHT) / 2, y: bottom + 32, "text-anchor": "middle" }, "time since the end of bleaching (s)"));
  if (left) {
    for (const tick of [-reach / 1.15, 0, reach / 1.15]) {
      drawn.append(svg("line", { class: "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: r(tick), y2: r(tick) }));
      drawn.append(svg("text", { x: LEFT - 6, y: r(tick) + 4, "text-anchor": "end" }, short(+tick.toPrecision(2))));
    }
  }
  curve.rows.forEach((_, row) => {
    const at = (k) => row * n + k;
    for (let k = 0; k < n; k++) {
      if (curve.measured[at(k)] === null) continue;
      drawn.append(svg("circle", { class: `dot row${row}`, cx: x(curve.times[k]), cy: y(curve.measured[at(k)]), r: 2.6 }));
      if (left && left[at(k)] !== null) drawn.append(svg("circle", { class: `dot row${row}`, cx: x(curve.times[k]), cy: r(left[at(k)]), r: 2 }));
    }
    const path = (f, keys) => keys.map((k) => `${x(curve.times[k]).toFixed(1)},${f(k).toFixed(1)}`).join(" ");
    for (const [from, to] of fitted ? [[0, curve.n_prebleach], [curve.n_prebleach, n]] : []) {
      const ks = [...Array(to - from).keys()].map((k) => from + k).filter((k) => fitted[at(k)] !== null);
      const within = band ? ks.filter((k) => Number.isFinite(band[at(k)])) : [];
      if (within.length) {
        const ends = (sign) => (k) => y(fitted[at(k)] + sign * band[at(k)]);
        drawn.append(svg("polygon", { class: "band", points: `${path(ends(1), within)} ${path(ends(-1), within.toReversed())}` }));
      }
      drawn.append(svg("polyline", { class: "line", points: path((k) => y(fitted[at(k)]), ks) }));
    }
  });
  if (frame < n) drawn.append(svg("line", { class: "now", x1: x(curve.times[frame]), x2: x(curve.times[frame]), y1: 8, y2: bottom }));
  drawn.onclick = (event) => {
    const box = drawn.getBoundingClientRect();
    const t = first + ((event.clientX - box.x) / box.width * WIDTH - LEFT) / (WIDTH - LEFT - RIGHT) * (last - first);
    onPick(curve.times.reduce((best, one, k) => (Math.abs(one - t) < Math.abs(curve.times[best] - t) ? k : best), 0));
  };
  place.replaceChildren(drawn);
}

function describe(curve, fitted) {
  const value = (k) => (!Number.isFinite(curve.measured[k]) ? "none" : curve.measured[k].toPrecision(4));
  return `Recovery curve of ${curve.times.length} frames: ${value(0)} before bleaching, ${value(curve.n_prebleach)} after it, ` +
    `${value(curve.times.length - 1)} at the end${fitted ? "; the fit and its residuals are drawn" : ""}.`;
}

// Frames on a canvas, at their full depth, and regions over them.
import { between, draw, format, handles, moved, parse, scaled, svg } from "./regions.js";

const KINDS = { "|u1": Uint8Array, "<u2": Uint16Array, "<f4": Float32Array };
const AT_ONCE = 8, AT_MOST = 4e6, KEPT = 2.5e8; // frames of one request, its bytes, and bytes that are kept
const $ = (id) => document.getElementById(id);

export class Viewer {
  constructor({ load, onFrame, onDrag, onRegion, tip }) {
    Object.assign(this, { load, onFrame, onDrag, onRegion, tip, frame: 0, zoom: 0, cache: new Map(), others: {}, region: null, tool: "" });
    this.stage = $("stage"); this.sheet = $("sheet"); this.canvas = $("canvas"); this.overlay = $("overlay");
    $("scrub").oninput = (event) => this.show(+event.target.value);
    $("play").onclick = () => this.play();
    $("low").oninput = $("high").oninput = () => { this.window = [+$("low").value, +$("high").value].map((k) => this.level(k)); this.paint(); };
    $("auto").onclick = () => this.contrast(this.meta.range);
    $("in").onclick = () => this.magnify(1.4); $("out").onclick = () => this.magnify(1 / 1.4); $("fit").onclick = () => this.magnify(0);
    for (const button of document.querySelectorAll("[data-shape]")) button.onclick = () => this.choose(button.dataset.shape);
    this.overlay.onpointerdown = (event) => this.press(event);
    this.overlay.onpointermove = (event) => this.drag(event);
    this.overlay.onpointerup = this.overlay.onpointercancel = (event) => this.release(event);
    this.overlay.ondblclick = () => this.close();
    this.stage.onwheel = (event) => { if (event.ctrlKey || event.metaKey) { event.preventDefault(); this.magnify(event.deltaY < 0 ? 1.15 : 1 / 1.15); } };
    new ResizeObserver(() => this.resize()).observe(this.stage);
  }

  open(key, meta) {
    if (this.key === key) return;
    Object.assign(this, { key, meta, cache: new Map(), zoom: 0, draft: null, region: null });
    const [n, ny, nx] = meta.shape, bytes = ny * nx * KINDS[meta.kind].BYTES_PER_ELEMENT;
    this.atOnce = Math.max(1, Math.min(AT_ONCE, Math.floor(AT_MOST / bytes)));
    this.most = Math.max(3, Math.floor(KEPT / (bytes * this.atOnce)));
    this.canvas.width = nx; this.canvas.height = ny;
    this.overlay.setAttribute("viewBox", `0 0 ${nx} ${ny}`);
    $("scrub").max = n - 1;
    this.stop(); this.contrast(meta.range); this.resize(); this.choose(""); this.show(0);
  }

  // Frames.

  async pixels(k) {
    const [n, ny, nx] = this.meta.shape;
    const first = Math.floor(k / this.atOnce) * this.atOnce;
    if (!this.cache.has(first)) {
      const count = Math.min(this.atOnce, n - first);
      const kind = KINDS[this.meta.kind], cache = this.cache;
      cache.set(first, this.load(first, count).then((buffer) => new kind(buffer)).catch((error) => { cache.delete(first); throw error; }));
      if (this.cache.size > this.most) this.cache.delete(this.cache.keys().next().value);
    }
    return (await this.cache.get(first)).subarray((k - first) * ny * nx, (k - first + 1) * ny * nx);
  }

  async show(k) {
    const n = this.meta.shape[0];
    this.frame = Math.max(0, Math.min(n - 1, k));
    $("scrub").value = this.frame;
    this.onFrame(this.frame);
    if (this.others.drift) this.redraw();
    await this.paint();
    if (this.frame + this.atOnce < n) this.pixels(this.frame + this.atOnce).catch(() => {});
  }

  async paint() {
    const [key, frame] = [this.key, this.frame];
    const values = await this.pixels(frame).catch(() => null); // a series that is not open any more
    if (!values || key !== this.key || frame !== this.frame) return;
    paintOn(this.canvas, values, ...this.window);
  }

  level(k) { const [low, high] = this.meta.limits; return low + (high - low) * k / 1000; }

  contrast([low, high]) {
    this.window = [low, high > low ? high : low + 1];
    const [least, most] = this.meta.limits;
    const place = (value) => Math.round((value - least) / (most - least || 1) * 1000);
    $("low").value = place(low); $("high").value = place(high);
    this.paint();
  }

  play() {
    if (this.timer) return this.stop();
    $("play").textContent = "⏸"; $("play").setAttribute("aria-label", "Pause");
    const next = async () => { if (!this.timer) return; await this.show((this.frame + 1) % this.meta.shape[0]); if (this.timer) this.timer = setTimeout(next, 50); };
    this.timer = setTimeout(next, 0);
  }

  stop() { clearTimeout(this.timer); this.timer = 0; $("play").textContent = "▶"; $("play").setAttribute("aria-label", "Play"); }

  magnify(factor) { this.zoom = factor ? Math.max(1, Math.min(16, (this.zoom || 1) * factor)) : 0; if (this.zoom === 1) this.zoom = 0; this.resize(); }

  resize() {
    if (!this.meta) return;
    const [, ny, nx] = this.meta.shape;
    const fit = Math.min(this.stage.clientWidth / nx, this.stage.clientHeight / ny);
    this.scale = (fit || 1) * (this.zoom || 1);
    this.sheet.style.width = `${Math.floor(nx * this.scale)}px`; this.sheet.style.height = `${Math.floor(ny * this.scale)}px`;
    this.stage.style.placeItems = this.zoom ? "start" : "center";
    this.redraw();
  }

  // Regions.

  setRegion(text, found, target) {
    if (this.held || this.draft) return;
    Object.assign(this, { region: parse(text), found, target });
    this.redraw();
  }

  setOthers(others) { this.others = others; this.redraw(); }

  redraw() {
    const parts = [];
    const { outline, compartment, rows, drift, bleached } = this.others;
    const own = this.target === "bleach_region";
    if (outline && !(own && this.region)) parts.push(svg("path", { d: outline, class: "found" }));
    if (compartment) parts.push(svg("path", { d: compartment, class: "compartment" }));
    for (const text of Object.values(rows || {})) { const one = parse(text); if (one) parts.push(draw(one, "shape row-region")); }
    // Where the region is in this frame, if the sample has moved since it was bleached.
    const at = drift && drift.length === this.meta.shape[0] && parse(bleached);
    if (at) parts.push(draw(moved(at, ...drift[this.frame]), "shape drifted"));
    if (this.region) {
      parts.push(draw(this.region, `shape bleach${this.found ? " found" : ""}`));
      for (const [k, one] of handles(this.region).entries()) {
        parts.push(svg("circle", { class: "handle", cx: one.x, cy: one.y, r: 6 / this.scale, "data-handle": k }));
      }
    }
    if (this.draft) parts.push(this.draft.kind ? draw(this.draft, "shape draft") : svg("polyline", { points: this.draft.points.join(" "), class: "draft" }));
    this.overlay.replaceChildren(...parts);
    this.overlay.classList.toggle("drawing", !!this.tool);
    this.overlay.classList.toggle("idle", !this.tool && !this.region);
  }

  choose(tool) {
    this.tool = tool === this.tool ? "" : tool;
    this.draft = null;
    for (const one of document.querySelectorAll("[data-shape]")) one.setAttribute("aria-pressed", one.dataset.shape === this.tool);
    const how = { "": "Drag the region, or its handles.", circle: "Drag from the middle of the circle.", ellipse: "Drag from the middle of the ellipse.",
      rectangle: "Drag from corner to corner.", polygon: "Click corner after corner; Enter or a double click closes it." };
    this.tip(how[this.tool]);
    this.redraw();
  }

  place(event) {
    const box = this.overlay.getBoundingClientRect();
    const [, ny, nx] = this.meta.shape;
    const within = (value, most) => Math.max(0, Math.min(most, value));
    return [within((event.clientX - box.x) / box.width * nx, nx), within((event.clientY - box.y) / box.height * ny, ny)];
  }

  press(event) {
    if (event.button) return;
    this.stage.focus({ preventScroll: true });
    const at = this.place(event);
    if (this.tool === "polygon") {
      const points = this.draft ? this.draft.points.slice(0, -1) : [];
      this.draft = { points: [...points, at, at] };
      return this.redraw();
    }
    if (this.tool) { this.held = { from: at, draws: true }; } else if (this.region && event.target.dataset.handle !== undefined) {
      this.held = { handle: handles(this.region)[+event.target.dataset.handle] };
    } else if (this.region && event.target.classList.contains("bleach")) { this.held = { from: at, region: this.region }; } else return;
    this.overlay.setPointerCapture(event.pointerId);
    event.preventDefault();
  }

  drag(event) {
    if (this.tool === "polygon" && this.draft) { this.draft.points.splice(-1, 1, this.place(event)); return this.redraw(); }
    if (!this.held) return;
    const at = this.place(event);
    if (this.held.draws) { this.draft = between(this.tool, this.held.from, at); return this.redraw(); }
    this.region = this.held.handle ? this.held.handle.drag(...at) : moved(this.held.region, ...at.map((value, k) => Math.round(value - this.held.from[k]))); // whole pixels, of which bases are shared
    this.held.changed = true; this.found = false;
    this.redraw();
    if (this.target === "bleach_region") this.onDrag(format(this.region));
  }

  release() {
    const held = this.held;
    this.held = null;
    if (!held) return;
    if (held.draws && this.draft) this.finish(this.draft);
    else if (held.changed) this.onRegion(this.target, format(this.region));
  }

  close() {
    if (this.tool !== "polygon" || !this.draft) return;
    const near = (p, q) => Math.hypot(p[0] - q[0], p[1] - q[1]) < 1;
    const points = this.draft.points.filter((p, k, all) => k === 0 || !near(p, all[k - 1]));
    if (points.length >= 3) this.finish({ kind: "polygon", points }); else this.choose("");
  }

  finish(region) {
    const target = $("target").value;
    this.draft = null;
    Object.assign(this, { region, target, found: false });
    this.choose("");
    this.onRegion(target, format(region));
  }

  key_(event) {
    const step = event.shiftKey ? 10 : 1;
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const tools = { c: "circle", e: "ellipse", r: "rectangle", p: "polygon" };
    const key = event.key;
    const change = (region) => { this.region = region; this.found = false; this.redraw(); clearTimeout(this.later);
      if (this.target === "bleach_region") this.onDrag(format(region));
      this.later = setTimeout(() => this.onRegion(this.target, format(region)), 150); };
    if (arrows[key] && this.region) change(moved(this.region, ...arrows[key].map((k) => k * step)));
    else if (key === "[" && this.region) change(scaled(this.region, 1 / 1.03));
    else if (key === "]" && this.region) change(scaled(this.region, 1.03));
    else if (key === " ") this.play();
    else if (key === ",") this.show(this.frame - 1);
    else if (key === ".") this.show(this.frame + 1);
    else if (key === "+" || key === "=") this.magnify(1.4);
    else if (key === "-") this.magnify(1 / 1.4);
    else if (key === "0") this.magnify(0);
    else if (key === "Escape") { this.draft = null; this.choose(""); }
    else if (key === "Enter" && this.draft) this.close();
    else if (tools[key]) this.choose(tools[key]);
    else return false;
    return true;
  }
}

// Paint values between two levels, from black to white; or, signed, from blue over white to red.
export function paintOn(canvas, values, low, high, signed = false) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  const out = new Uint32Array(image.data.buffer);
  const factor = 255.999 / (high - low);
  for (let k = 0; k < values.length; k++) {
    let v = (values[k] - low) * factor;
    v = v > 0 ? (v > 255 ? 255 : v | 0) : 0;
    if (!signed) out[k] = 0xff000000 | v << 16 | v << 8 | v;
    else { const [r, g, b] = v < 128 ? [2 * v, 2 * v, 255] : [255, 2 * (255 - v), 2 * (255 - v)]; out[k] = 0xff000000 | b << 16 | g << 8 | r; }
  }
  context.putImageData(image, 0, 0);
}

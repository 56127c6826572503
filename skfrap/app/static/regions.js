// Regions as text in pixels, as "circle:20px@128px,128px", and as shapes of an SVG.
const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function parse(text) {
  if (!text) return null;
  const [kind, rest] = [text.slice(0, text.indexOf(":")), text.slice(text.indexOf(":") + 1)];
  const numbers = (part) => part.split(/[,;x/]/).filter((one) => one.trim()).map(parseFloat);
  if (/[\d.](?=[@,;x/]|$)/.test(rest.replace(/[\d.eE+-]+px/g, "").replace(/\/[-+\d.]+/, ""))) return null; // not pixels
  if (kind === "polygon") {
    const flat = numbers(rest.replaceAll("px", ""));
    return { kind, points: flat.flatMap((x, k) => (k % 2 ? [] : [[x, flat[k + 1]]])) };
  }
  const [extent, middle] = rest.replaceAll("px", "").split("@");
  if (!middle) return null;
  const [x, y] = numbers(middle);
  const [a, b, angle] = numbers(extent);
  return { kind, x, y, a, b: b ?? a, angle: angle ?? 0 };
}

const digits = (value) => `${+value.toFixed(2)}px`;

export function format(one) {
  if (one.kind === "polygon") return "polygon:" + one.points.map((p) => p.map(digits).join(",")).join(";");
  const extent = {
    circle: () => digits(one.a),
    ellipse: () => `${digits(one.a)}x${digits(one.b)}/${+one.angle.toFixed(1)}`,
    rectangle: () => `${digits(one.a)}x${digits(one.b)}`,
  }[one.kind]();
  return `${one.kind}:${extent}@${digits(one.x)},${digits(one.y)}`;
}

export function moved(one, dx, dy) {
  if (one.kind === "polygon") return { ...one, points: one.points.map(([x, y]) => [x + dx, y + dy]) };
  return { ...one, x: one.x + dx, y: one.y + dy };
}

export function scaled(one, factor) {
  if (one.kind !== "polygon") return { ...one, a: one.a * factor, b: one.b * factor };
  const n = one.points.length;
  const [cx, cy] = [0, 1].map((k) => one.points.reduce((sum, p) => sum + p[k], 0) / n);
  return { ...one, points: one.points.map(([x, y]) => [cx + (x - cx) * factor, cy + (y - cy) * factor]) };
}

export function draw(one, name) {
  const attributes = { class: name };
  if (one.kind === "polygon") return svg("polygon", { ...attributes, points: one.points.join(" ") });
  if (one.kind === "rectangle") {
    return svg("rect", { ...attributes, x: one.x - one.a / 2, y: one.y - one.b / 2, width: one.a, height: one.b });
  }
  const [rx, ry] = one.kind === "circle" ? [one.a, one.a] : [one.a, one.b];
  return svg("ellipse", { ...attributes, cx: one.x, cy: one.y, rx, ry, transform: `rotate(${one.angle || 0} ${one.x} ${one.y})` });
}

// Where handles stand, and what dragging each of them to a place makes of the region.
export function handles(one) {
  const turn = (one.angle || 0) * Math.PI / 180;
  const [c, s] = [Math.cos(turn), Math.sin(turn)];
  if (one.kind === "circle") {
    return [{ x: one.x + one.a, y: one.y, drag: (x, y) => ({ ...one, a: Math.max(1, Math.hypot(x - one.x, y - one.y)) }) }];
  }
  if (one.kind === "ellipse") {
    return [
      { x: one.x + one.a * c, y: one.y + one.a * s, drag: (x, y) => ({ ...one,
        a: Math.max(1, Math.hypot(x - one.x, y - one.y)), angle: Math.atan2(y - one.y, x - one.x) * 180 / Math.PI }) },
      { x: one.x - one.b * s, y: one.y + one.b * c, drag: (x, y) => ({ ...one, b: Math.max(1, Math.hypot(x - one.x, y - one.y)) }) },
    ];
  }
  if (one.kind === "rectangle") {
    return [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([i, j]) => ({
      x: one.x + i * one.a / 2, y: one.y + j * one.b / 2,
      drag: (x, y) => between(one.kind, [one.x - i * one.a / 2, one.y - j * one.b / 2], [x, y]),
    }));
  }
  return one.points.map(([x, y], k) => ({ x, y, drag: (nx, ny) => ({ ...one, points: one.points.with(k, [nx, ny]) }) }));
}

// The region that a drag from one place to another draws.
export function between(kind, [x0, y0], [x1, y1]) {
  if (kind === "circle") return { kind, x: x0, y: y0, a: Math.max(1, Math.hypot(x1 - x0, y1 - y0)), b: 1, angle: 0 };
  const [a, b] = [Math.max(1, Math.abs(x1 - x0)), Math.max(1, Math.abs(y1 - y0))];
  if (kind === "ellipse") return { kind, x: x0, y: y0, a, b, angle: 0 };
  return { kind, x: (x0 + x1) / 2, y: (y0 + y1) / 2, a, b, angle: 0 };
}

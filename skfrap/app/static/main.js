// The page: asks the server, shows what it answers. All that is worth keeping is kept there.
import { chart } from "./chart.js";
import { Viewer, paintOn } from "./viewer.js";

const $ = (id) => document.getElementById(id);
const COMPARED = { diffusion: "free diffusion", "diffusion+mobile_fraction": "and a mobile fraction", "diffusion+imaging_bleach": "and bleaching by imaging (slow)",
  binding: "binding (slow)", two_populations: "two populations (slow)", turnover: "turnover", soumpasis: "Soumpasis", exponential: "exponential" };
let state = { version: -1 };
let fields = [];
let live = null; // what a region gives while it is dragged
const doing = []; // what the page itself waits for, in words
let said = "", blamed = []; // an error of an action, and the settings that it is of, until the next one

function h(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made[name] = value; else if (value !== false && value !== null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((one) => one !== null && one !== undefined));
  return made;
}

async function ask(path, body, method = body === undefined ? "GET" : "POST") {
  let answer;
  try {
    const sent = body instanceof Blob ? body : body && JSON.stringify(body);
    answer = await fetch(path, { method, body: sent, cache: "no-store" });
  } catch { throw new Error("skfrap does not answer: is it still running in its window?"); }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(told.error || `that did not work (${answer.status})`), { fields: told.fields || [] });
}

async function act(path, body) {
  said = ""; blamed = [];
  try { await changed(path, body); } catch (error) { say(error.message, error.fields); }
}

const changed = (path, body) => during(state.busy || "asking", ask(path, body).then((answer) => answer.json()).then(apply));

async function during(words, work) {
  doing.push(words); activity();
  try { return await work; } finally { doing.splice(doing.indexOf(words), 1); activity(); }
}

function say(words, fields = []) { said = words; blamed = fields; render(); }

// Files.

async function upload(files) {
  files = [...files].filter((one) => one.size && !one.name.startsWith("."));
  if (!files.length) return;
  said = "";
  try {
    const { group } = await (await ask("group", {})).json();
    for (const [k, file] of files.entries()) {
      const words = `reading ${file.name}${files.length > 1 ? ` (${k + 1} of ${files.length})` : ""}`;
      const name = file.path || file.webkitRelativePath || file.name;
      await during(words, ask(`upload?group=${group}&name=${encodeURIComponent(name)}`, file));
    }
    await changed("add", { group });
  } catch (error) { say(error.message); }
}

async function dropped(items) {
  const files = [];
  const walk = async (entry, path) => {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      file.path = path + file.name; files.push(file);
    } else if (entry.isDirectory) {
      const reader = entry.createReader();
      for (;;) {
        const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
        if (!some.length) break;
        for (const one of some) await walk(one, `${path}${entry.name}/`);
      }
    }
  };
  for (const entry of [...items].map((one) => one.webkitGetAsEntry?.()).filter(Boolean)) await walk(entry, "");
  return files;
}

// What comes from the server.

function apply(next) {
  if (next.version < state.version) return;
  if (next.stage > 0 && !viewer.held && !asking) live = null; // the server has the fit of the region where it is
  state = next;
  render();
}

async function watch() {
  for (;;) {
    try { apply(await (await ask(state.version < 0 ? "state" : `state?since=${state.version}`)).json()); } catch (error) { say(error.message); await new Promise((r) => setTimeout(r, 2000)); }
  }
}

const viewer = new Viewer({
  load: async (first, count) => (await ask(`frames?first=${first}&count=${count}&of=${state.frames}`)).arrayBuffer(),
  onFrame: () => { where(); drawChart(); },
  onDrag: (region) => follow(region),
  onRegion: (target, region) => act("settings", { [target]: region }),
  tip: (words) => { $("tip").textContent = words; },
});

// While a region is dragged its curve follows at once, and its fit as soon as the hand rests.
let wanted = null, asking = false, count = 0;
async function follow(region) {
  wanted = region;
  if (asking) return;
  asking = true;
  while (wanted) {
    const mine = wanted, mark = ++count;
    wanted = null;
    try {
      live = { ...(await (await ask("follow", { region: mine })).json()), region: mine };
      drawChart();
      if (!wanted && (state.given.model || "diffusion") === "diffusion") {
        live = { ...(await (await ask("follow", { region: mine, fit: true })).json()), region: mine };
        drawChart(); card();
      }
      said = "";
    } catch (error) { said = error.message; }
    if (mark === count) notice();
  }
  asking = false;
}

// Rendering.

function activity() {
  const words = doing.at(-1) || state.busy || (state.batch === "running" ? "analysing all series" : "");
  $("now").textContent = words && `${words}…`;
  $("now").className = words ? "busy" : "";
}

function render() {
  const { opened, entries, error } = state;
  const any = entries && (entries.length > 0 || opened);
  $("empty").hidden = !!any; $("work").hidden = !any;
  activity();
  notice();
  $("images").hidden = $("result").hidden = $("known").hidden = !opened && !error;
  $("stage").hidden = $("tools").hidden = !opened;
  $("work").classList.toggle("of-table", isTable());
  $("report").disabled = !state.result;
  if (!any) return;
  const current = entries.find((one) => one.key === state.current);
  $("title").textContent = current ? current.name : "";
  document.title = current ? `${current.name} – skfrap` : "skfrap";
  channels(error); spots();
  if (opened && !opened.table) {
    viewer.open(state.frames, opened);
    const use = state.result || (state.quick && state.quick.seen) || {};
    const source = (use.sources || {})["bleach region"] || "";
    const target = $("target").value, { compartment, reference } = state.given;
    const text = { bleach_region: use.region, compartment, reference }[target];
    if (!live || target !== "bleach_region") viewer.setRegion(text, target === "bleach_region" && !source.startsWith("given"), target);
    viewer.setOthers({ ...state.result, rows: { ...(state.result || {}).rows, reference, ...(state.spots || []).filter((_, k) => k !== state.spot).map((one) => one.region) }, bleached: use.region });
    const n = use.curve ? use.curve.n_prebleach : use.n_prebleach;
    if (n && viewer.met !== state.frames) { viewer.met = state.frames; if (!viewer.frame) viewer.show(n); } // what bleaching left
    $("accept").hidden = !use.region || !!state.given.bleach_region;
    where();
  }
  card(); drawChart(); findings(); alternatives(); known(); batch();
}

function notice() {
  const words = said || (state.error && state.error.error) || "";
  $("alert").hidden = !words; $("alert").textContent = words;
}

function channels(error) {
  const several = /has (\d+) channels/.exec((error && error.error) || "");
    const n = several ? +several[1] : channels.n && channels.of === state.current ? channels.n : 0;
  [channels.n, channels.of] = [n, state.current];
  $("channels").hidden = !n;
  if (!n || $("channel").options.length === n + 1) { $("channel").value = state.channel ?? ""; return; }
  $("channel").replaceChildren(h("option", { value: "" }, "choose"), ...[...Array(n).keys()].map((k) => h("option", { value: k }, `${k}`)));
  $("channel").value = state.channel ?? "";
}

function spots() {
  const shown = state.spots || [];
  $("spots").hidden = !shown.length;
  $("spot").replaceChildren(...shown.map((one, k) => h("option", { value: k }, `${k + 1}: ${one.words[0] || ""}`)));
  $("spot").value = state.spot;
}

function where() {
  if (!state.opened || isTable()) return;
  const curve = shown();
  const time = curve && curve.times.length === state.opened.shape[0] ? `${(+curve.times[viewer.frame].toPrecision(4))} s` :
    state.opened.times ? `${+state.opened.times[viewer.frame].toPrecision(4)} s` : "";
  const n = curve ? curve.n_prebleach : 0;
  $("where").textContent = `frame ${viewer.frame + 1} of ${state.opened.shape[0]}${time && `, ${time}`}${n ? (viewer.frame < n ? ", before" : ", after") : ""}`;
}

const isTable = () => !!(state.opened && state.opened.table); // which has no images
const shown = () => (live && live.curve) || (state.result && !stale() && state.result.curve) || (state.quick && state.quick.curve) || (state.result && state.result.curve);
const stale = () => state.stage === 1 && state.quick; // the curve is that of the region where it is, and the rest is not
const STAGES = ["What is shown is of before.", "D is of the curve alone; alternatives and findings are of before.", "D, alternatives and findings are there, with frames as they were aligned before; what all pixels say is to come."];

function drawChart() {
  const curve = shown();
  if (!curve) { $("chart").replaceChildren(); return; }
  if (live && !live.values && state.result && state.result.curve.fitted) curve.fitted = undefined;
  chart($("chart"), curve, isTable() ? Infinity : viewer.frame, (k) => isTable() || viewer.show(k));
}

function values() { return (live && live.values) || (state.result && !stale() ? state.result : null) || (state.quick && state.quick.values) || state.result; }

function card() {
  const now = values(), box = $("card");
  const truth = state.opened && state.opened.truth, D = now && now.values.D;
  const [main, rest = ""] = now && now.words.length ? now.words[0].split(" (") : D && isNumber(D.value) ? [`D = ${digits(D.value)} ${D.unit}`, "given, not estimated"] :
    now ? ["nothing estimated", ""] : [state.busy ? "…" : "no D yet", ""];
  $("answer").textContent = main;
  const more = now ? now.words.slice(1).join(", ") : "";
  $("interval").textContent = now ? [rest.replace(/\)$/, ""), more].filter(Boolean).join("; ") : "";
  if (!now && state.error && state.error.fields.length) $("interval").replaceChildren(h("a", { href: "#known" }, "What is missing is asked for below."));
  const worst = now ? ["unusable", "doubtful"].find((one) => now.findings.some((found) => found.severity === one)) || "" : "";
  box.className = `${now ? worst : "none"} ${live || (state.busy && state.stage < 2) ? "waiting" : ""}`;
  const old = !!state.result && (!!live || (!!state.busy && state.stage < 2));
  for (const id of ["findings", "alternatives"]) $(id).classList.toggle("old", old);
  $("stage-words").textContent = old && live ? STAGES[live.values ? 1 : 0] : state.busy && state.result ? STAGES[state.stage] || "" : "";
  if (worst === "unusable") $("interval").textContent += " – not to be used, see below";
  const place = !D || !isNumber(D.lower) || !isNumber(D.upper) || D.lower === D.upper ? "; there is no interval to hold it" :
    `: ${D.lower <= truth?.D && truth?.D <= D.upper ? "inside" : "outside"} the interval`;
  $("truth").textContent = truth && truth.D && D ? `The truth of this simulation is D = ${truth.D} µm²/s${place}.` : "";
  const start = state.result && !live ? state.result.sources.start : "";
  if (start) $("truth").textContent += `${$("truth").textContent && " "}Start ${start}.`;
}

function findings() {
  const list = ((state.result || (state.quick && state.quick.values) || {}).findings) || [];
  $("findings").replaceChildren(...list.map((one) => h("li", { class: one.severity, "data-code": one.code },
    h("b", {}, { unusable: "Not to be used: ", doubtful: "Doubtful: ", note: "Note: " }[one.severity]), one.words, one.remedy ? ` – ${one.remedy}` : "")));
}

const isNumber = (value) => typeof value === "number" && Number.isFinite(value); // results may lack any number
const digits = (value) => (isNumber(value) ? `${+value.toPrecision(4)}` : "");

function alternatives() {
  const rows = (state.result && state.result.alternatives) || [];
  const cell = (one, name) => {
    const [low, high] = [one[`${name}_lower`], one[`${name}_upper`]], n = [low, high].filter(isNumber).length;
    if (!isNumber(one[name])) return name in one ? "none" : "";
    if (!n || low === high) return digits(one[name]);
    return `${digits(one[name])} (${n === 2 ? `${digits(low)} to ${digits(high)}` : isNumber(low) ? `above ${digits(low)}` : `below ${digits(high)}`})`;
  };
  const shares = rows.some((one) => one.mobile_fraction !== undefined);
  $("alternatives").replaceChildren(h("caption", { hidden: true }, "D under other assumptions"), ...(rows.length ? [
    h("tr", {}, ...["Assumption", "D (µm²/s)", shares && "Mobile fraction"].filter(Boolean).map((one) => h("th", { scope: "col" }, one))),
    ...rows.map((one) => h("tr", { class: one.taken ? "taken" : "" },
      h("td", {}, `${one.taken ? "★ " : ""}${one.name}${one.recommended ? " – recommended" : ""}`, h("small", {}, one.recommended ? one.why : one.assumes)),
      h("td", {}, cell(one, "D_um2_s")), ...(shares ? [h("td", {}, cell(one, "mobile_fraction"))] : [])))] : [
    h("tr", {}, h("td", {}, state.busy ? "are being computed…" : state.result ? "There are none for this model." : "They come with D."))]));
}

// What is known.

function build() {
  const groups = Object.groupBy(fields, (one) => one.group);
  $("form").replaceChildren(...Object.entries(groups).map(([name, some]) => h("fieldset", {}, h("legend", {}, name), ...some.map(control))));
  $("models").replaceChildren(...Object.entries(COMPARED).map(([name, words], k) => h("label", {}, h("input", { type: "checkbox", value: name, checked: k < 2 }), ` ${words}`)));
}

function control(one) {
  const id = `set-${one.name}`;
  const send = (value) => act("settings", { [one.name]: value });
  const text = (read) => h("input", { id, type: "text", "aria-describedby": `${id}-why`, spellcheck: "false", onchange: (event) => {
    try { send(read(event.target.value.trim())); } catch (error) { say(`${one.label}: ${error.message}`, [one.name]); } } });
  const number = (words) => {
    if (!words) return null;
    const value = Number(words.replace(",", "."));
    if (!Number.isFinite(value)) throw new Error(`give a number${one.unit && ` of ${one.unit}`}`);
    return value;
  };
  let input;
  const buttons = Object.keys(one.kind === "region" ? one.choices : {}).map((name) =>
    h("button", { type: "button", title: one.choices[name], "data-choice": name, onclick: () => send(name) }, { auto: "Find it", none: "None", each: "Each of several" }[name]));
  if (one.kind === "choice") {
    input = h("select", { id, "aria-describedby": `${id}-why`, onchange: (event) => send(event.target.value) },
      ...Object.keys(one.choices).map((name) => h("option", { value: name }, name.replaceAll("_", " "))));
  } else if (one.kind === "flag") {
    input = h("input", { id, type: "checkbox", onchange: (event) => send(event.target.checked) });
  } else if (one.kind === "names") {
    input = h("div", { id, class: "checks", role: "group", "aria-label": one.label });
  } else if (one.kind === "values") {
    input = text((words) => Object.fromEntries(words.split(/[,;\s]+/).filter(Boolean).map((pair) => {
      const [name, value] = pair.split("=");
      return [name, number(value || "x")];
    })));
  } else if (one.kind === "rows") {
    input = text((words) => words.split(/\s+/).filter(Boolean));
  } else if (one.kind === "file") {
    input = h("input", { id, type: "text", readonly: true, "aria-describedby": `${id}-why` });
    const chosen = h("input", { type: "file", accept: ".csv,.tsv,.txt", hidden: true, "aria-label": one.label, onchange: async (event) => {
      const [file] = event.target.files; event.target.value = ""; if (file) send({ name: file.name, text: await file.text() }); } });
    buttons.push(chosen, h("button", { type: "button", onclick: () => chosen.click() }, "Read…"), h("button", { type: "button", title: "Take it back", onclick: () => send(null) }, "Clear"));
  } else if (one.kind === "texts") {
    input = text((words) => (words ? [words] : null));
  } else if (["region", "text"].includes(one.kind)) {
    input = text((words) => words || null);
  } else input = text(number);
  if (one.kind === "region") buttons.push(h("button", { type: "button", title: "Take it back", onclick: () => send(null) }, "Clear"));
  if (one.kind === "rows") buttons.push(h("button", { type: "button", title: "The light of the whole cell", onclick: () => send([...new Set([...(state.given.rows || []), "compartment"])]) }, "Whole cell"));
  const label = one.kind === "names" ? h("span", { class: "label" }, one.label) : h("label", { for: id }, `${one.label}${one.unit ? ` (${one.unit})` : ""}`);
  return h("div", { class: `field ${one.kind}`, id: `field-${one.name}` }, label, h("div", { class: "line" }, input, ...buttons), h("small", { id: `${id}-why` }));
}

function used(one) {
  const { opened, result, quick } = state;
  const use = result || (quick && quick.seen) || {};
  const times = opened && opened.times;
  if (one.name === "pixel_size") return opened && digits(opened.pixel_size);
  if (one.name === "frame_interval") return times && times.length > 1 ? digits([...times.slice(1)].map((t, k) => t - times[k]).sort((a, b) => a - b)[times.length >> 1]) : "";
  if (one.name === "n_prebleach") return use.curve ? `${use.curve.n_prebleach}` : use.n_prebleach ? `${use.n_prebleach}` : "";
  if (one.name === "bleach_region") return use.region || (use.outline ? "an image of it, in the file" : "");
  if (["number", "positive", "count"].includes(one.kind)) {
    const found = /^-?[\d.]+(e[-+]?\d+)?/.exec((use.sources || {})[one.source] || "");
    return found ? found[0] : digits(one.default);
  }
  return "";
}

function known() {
  const use = state.result || (state.quick && state.quick.seen) || {};
  const sources = { ...(use.sources || {}) };
  const missing = state.error ? state.error.fields : [], blame = said ? blamed : [];
  if (state.opened && !use.sources) {
    sources["pixel size"] = state.opened.pixel_size ? state.opened.said.pixel_size_um : "";
    sources["frame times"] = state.opened.times ? state.opened.said.times_s : "";
  }
  for (const one of fields) {
    const input = $(`set-${one.name}`), why = $(`set-${one.name}-why`), box = $(`field-${one.name}`);
    const given = state.given[one.name];
    const lacks = missing.includes(one.name), wrong = blame.includes(one.name);
    box.classList.toggle("missing", lacks || wrong);
    box.hidden = !!one.of && !!state.opened && (one.of === "table") !== isTable();
    if (document.activeElement !== input) {
      if (one.kind === "choice") input.value = given ?? one.default ?? Object.keys(one.choices)[0];
      else if (one.kind === "flag") input.checked = given ?? false;
      else if (one.kind === "names") names(one, input, given || []);
      else {
        input.value = given === undefined ? "" : one.kind === "values" ? Object.entries(given).map((pair) => pair.join("=")).join(", ") : Array.isArray(given) ? given.join(" ") : given;
        input.placeholder = used(one) || "";
      }
    }
    const source = sources[one.source];
    if (one.kind === "choice") why.textContent = `${one.choices[input.value] || one.hint}${source && given === undefined && one.source ? ` (${source})` : ""}`;
    else if (wrong) why.textContent = said;
    else if (lacks) why.textContent = given === undefined ? `Missing: ${one.hint}` : state.error.error;
    else if (given !== undefined) why.textContent = `given here${/; the file says/.test(source || "") ? source.slice(source.indexOf(";")) : ""}`;
    else why.textContent = source ? `from: ${source.replace(/^[\d.]+, /, "")}` : one.hint;
  }
  for (const box of document.querySelectorAll("#form fieldset")) box.hidden = !box.querySelector(".field:not([hidden])");
}

function names(one, place, given) {
  const free = (state.quick && state.quick.seen && state.quick.seen.free) || ["mobile_fraction", "imaging_bleach", "bleach_blur", "imaging_blur"];
  place.replaceChildren(...free.map((name) => h("label", {}, h("input", { type: "checkbox", checked: given.includes(name), onchange: (event) =>
    act("settings", { free: event.target.checked ? [...given, name] : given.filter((other) => other !== name) }) }), ` ${name.replaceAll("_", " ")}`)));
}

// Batch.

function batch() {
  const { entries } = state, done = entries.filter((one) => one.state === "done" || one.state === "failed");
  const running = state.batch === "running";
  $("run").hidden = running; $("stop").hidden = !running;
  $("run").textContent = state.batch === "stopped" ? "Resume" : entries.length > 1 ? `Analyse all ${entries.length}` : "Analyse all";
  $("join").hidden = running || entries.length < 2;
  $("progress").hidden = !running; $("progress").max = entries.length; $("progress").value = done.length;
  $("counted").textContent = done.length ? `${done.length} of ${entries.length} done` : "";
  $("batch-report").hidden = $("csv").hidden = !done.length;
  $("command").textContent = state.command;
  $("series").replaceChildren(h("tr", {}, ...["Series", "Result", "Findings", ""].map((one) => h("th", { scope: "col" }, one))), ...entries.map((one) => h("tr", { class: one.key === state.current ? "taken" : "" },
    h("td", {}, one.name), h("td", {}, one.error || (one.words || [one.state === "running" ? "running…" : ""]).join(", ")), h("td", {}, h("small", {}, (one.findings || []).join("; "))),
    h("td", {}, one.key === state.current ? "" : h("button", { onclick: () => act("open", { key: one.key }), "aria-label": `Look at ${one.name}` }, "Look"), " ",
      h("button", { onclick: () => act("remove", { key: one.key }), "aria-label": `Remove ${one.name}` }, "Remove")))));
}

async function report(of) {
  said = "";
  $("report-link").hidden = true;
  try {
    const { name } = await (await during("writing the report", ask("report", { of }))).json();
    $("report-link").href = name; $("report-link").hidden = false; // should the browser not let a window open
    open(name, "_blank", "noopener");
    render();
  } catch (error) { say(error.message); }
}

async function residuals() {
  const place = $("residuals");
  place.textContent = "computing…";
  try {
    const answer = await ask("residuals", {});
    const told = JSON.parse(answer.headers.get("x-frames"));
    const pixels = new Float32Array(await answer.arrayBuffer());
    const size = told.shape[0] * told.shape[1];
    place.replaceChildren(...told.labels.map((label, k) => {
      const canvas = h("canvas", { width: told.shape[1], height: told.shape[0], role: "img", "aria-label": `Residual image ${label}` });
      paintOn(canvas, pixels.subarray(k * size, (k + 1) * size), -told.reach, told.reach, true);
      return h("div", {}, canvas, label);
    }), h("p", {}, `Measured less fitted, from ${digits(-told.reach)} (blue) to ${digits(told.reach)} (red).`));
  } catch (error) { place.textContent = error.message; }
}

async function compare() {
  const models = [...$("models").querySelectorAll("input:checked")].map((one) => one.value);
  $("compared").replaceChildren(h("tr", {}, h("td", {}, "comparing…")));
  try {
    const told = await (await ask("compare", { models })).json();
    $("compared").replaceChildren(h("tr", {}, ...["Model", "Result", "Weight", "Findings"].map((one) => h("th", { scope: "col" }, one))),
      ...told.rows.map((one) => h("tr", { class: one.name === told.best ? "taken" : "" }, h("td", {}, `${one.name === told.best ? "★ " : ""}${one.name.replaceAll("_", " ")}`),
        h("td", {}, one.words.join(", ")), h("td", {}, isNumber(one.weight) ? one.weight.toFixed(2) : ""), h("td", {}, h("small", {}, one.findings.join("; "))))),
      h("tr", {}, h("td", { colspan: 4 }, told.summary.join(". "))));
  } catch (error) { $("compared").replaceChildren(h("tr", {}, h("td", {}, error.message))); }
}

function accept() {
  const use = state.result || (state.quick && state.quick.seen);
  if (use && use.region) act("settings", { bleach_region: use.region, n_prebleach: use.curve ? use.curve.n_prebleach : use.n_prebleach });
}

new ResizeObserver(() => requestAnimationFrame(drawChart)).observe($("result"));
const bleachedHere = () => state.opened && act("settings", { n_prebleach: viewer.frame + 1 });

// Everything is bound here.

for (const id of ["pick", "pick-here"]) $(id).onclick = () => $("files").click();
$("pick-folder").onclick = () => $("folder").click();
for (const id of ["files", "folder"]) $(id).onchange = (event) => { upload([...event.target.files]); event.target.value = ""; };
for (const id of ["demo", "demo-here"]) $(id).onclick = () => act("demo", {});
$("report").onclick = () => report("current");
$("batch-report").onclick = () => report("all");
$("target").onchange = render;
$("channel").onchange = (event) => event.target.value !== "" && act("open", { key: state.current, channel: +event.target.value });
$("spot").onchange = (event) => act("spot", { spot: +event.target.value });
$("accept").onclick = accept;
$("bleach-here").onclick = bleachedHere;
$("compare").onclick = compare;
$("residual-box").ontoggle = (event) => event.target.open && residuals();
$("run").onclick = () => act("batch", {});
$("join").onclick = () => act("join", {});
$("stop").onclick = () => act("stop", {});
$("copy").onclick = () => navigator.clipboard.writeText(state.command);
$("load-settings").onclick = () => $("settings-file").click();
$("settings-file").onchange = async (event) => { const [file] = event.target.files; event.target.value = ""; if (file) await act("settings-file", file); };
$("load-rois").onclick = () => $("rois-file").click();
$("rois-file").onchange = async (event) => { const [file] = event.target.files; event.target.value = ""; if (file) await act(`rois?target=${$("target").value}`, file); };
$("form").onsubmit = (event) => event.preventDefault();
document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("over"); });
document.addEventListener("dragleave", () => document.body.classList.remove("over"));
document.addEventListener("drop", async (event) => { event.preventDefault(); document.body.classList.remove("over"); upload(await dropped(event.dataTransfer.items)); });
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !state.opened || isTable() || event.target.closest("input, select, textarea, summary")) return;
  if (event.target.closest("button, a") && [" ", "Enter"].includes(event.key)) return;
  const key = event.key.toLowerCase();
  if (key === "a") accept(); else if (key === "b") bleachedHere(); else if (!viewer.key_(event)) return;
  event.preventDefault();
});

watch();
const told = await (await ask("fields")).json();
fields = told.fields;
$("version").textContent = told.version;
build();
if (state.entries) render();

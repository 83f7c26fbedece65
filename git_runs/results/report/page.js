// The page of `git runs report`: sorts and filters the table, draws curves, compares two runs.
// Texts of runs come into the page as text only, never as HTML.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const find = (selector, place = document) => place.querySelector(selector);
const all = (selector, place = document) => [...place.querySelectorAll(selector)];

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// Call `work` once, soon, however often it is asked for.
function soon(work) {
  let asked = 0;
  return () => {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      work();
    });
  };
}

// --- the table

const table = find("#table table");
const heads = all("tr.keys th", table);
const rows = all("tbody tr", table);
const runOf = (row) => Number(row.dataset.run);
const picked = new Set(data.runs.keys()); // the runs whose curves are shown, if their rows are

const INFINITIES = { inf: Infinity, "-inf": -Infinity };

// A number where the text is one; null where it is empty, or not a number.
function parsed(text) {
  if (text === "" || text === "nan") return null;
  const number = INFINITIES[text] ?? Number(text);
  return Number.isNaN(number) ? text : number;
}

function valueOf(row, column) {
  const cell = row.cells[column];
  return parsed(cell.dataset.sort ?? cell.textContent);
}

// Numbers before texts.
function order(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a.localeCompare(b, undefined, { numeric: true });
}

function sortBy(column) {
  const head = heads[column];
  const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  for (const other of heads) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
  const values = new Map(rows.map((row) => [row, valueOf(row, column)]));
  rows.sort((a, b) => {
    const [x, y] = [values.get(a), values.get(b)];
    if (x === null || y === null) return (x === null) - (y === null); // at the end, in either order
    return sign * order(x, y);
  });
  find("tbody", table).append(...rows);
}

const areThere = (a, b) => a !== null && b !== null;
const OPERATORS = {
  "=": (a, b) => a === b,
  "!=": (a, b) => !OPERATORS["="](a, b),
  "<": (a, b) => areThere(a, b) && order(a, b) < 0,
  "<=": (a, b) => areThere(a, b) && order(a, b) <= 0,
  ">": (a, b) => areThere(a, b) && order(a, b) > 0,
  ">=": (a, b) => areThere(a, b) && order(a, b) >= 0,
};

// Whether a row is asked for, by each word of the filter: `key=value` and the like, or a part of the row's text.
function condition(word) {
  const [, key, operator, wanted] = word.match(/^([^=!<>~]+)(!=|<=|>=|=|<|>|~)(.*)$/) ?? [];
  const column = heads.findIndex((head) => key !== undefined && head.dataset.key === key);
  if (column < 0) return (row) => row.textContent.toLowerCase().includes(word.toLowerCase());
  if (operator === "~") {
    try {
      const pattern = new RegExp(wanted);
      return (row) => pattern.test(row.cells[column].textContent);
    } catch {
      return () => true; // it is still being typed
    }
  }
  const value = parsed(wanted);
  return (row) => OPERATORS[operator](valueOf(row, column), value);
}

function filter() {
  const conditions = find("#filter").value.split(/\s+/).filter(Boolean).map(condition);
  for (const row of rows) row.hidden = !conditions.every((holds) => holds(row));
  const left = rows.filter((row) => !row.hidden).length;
  find("#count").value = left === rows.length ? "" : `${left} of ${rows.length} runs`;
  redraw();
}

function summarize() {
  const which = find("#summary").value;
  for (const cell of all("td.metric", table)) {
    cell.dataset.last ??= cell.textContent;
    cell.textContent = cell.dataset[which] ?? "";
  }
}

function pick(runs) {
  picked.clear();
  for (const run of runs) picked.add(run);
  for (const row of rows) find("input", row).checked = picked.has(runOf(row));
  redraw();
}

function startTable() {
  heads.forEach((head, column) => {
    if (!head.dataset.key) return;
    head.replaceChildren(make("button", { textContent: head.textContent, onclick: () => sortBy(column) }));
  });
  for (const row of rows) {
    const box = make("input", { type: "checkbox", title: "show its curves" });
    box.onchange = () => {
      picked[box.checked ? "add" : "delete"](runOf(row));
      redraw();
    };
    const label = make("label", {}, box, find(".swatch", row));
    label.ondblclick = () => pick([runOf(row)]);
    find(".look", row).replaceChildren(label);
  }
  find("#filter").oninput = filter;
  find("#summary").onchange = summarize;
  summarize();
}

// --- curves

const figures = all("figure");
const inSight = new Set();
const dark = matchMedia("(prefers-color-scheme: dark)");

function unpack({ steps, values, means }) {
  let step = 0;
  const all = steps.map((distance) => Number((step += distance).toPrecision(12)));
  // Where a curve is thinned, each two points have a mean: what is smoothed, so that a peak counts once.
  return { steps: all, values, centers: means ?? values, places: means ? all.filter((_, n) => n % 2) : all };
}

// An exponential moving average over a part of the curve, in percent, without the pull of its start:
// https://arxiv.org/abs/1412.6980, section 3.
function smoothed(values, percent) {
  const weight = Math.exp(-100 / (percent * values.length));
  let sum = 0;
  let power = 1;
  return values.map((value) => {
    if (value === null) return null;
    sum = sum * weight + value * (1 - weight);
    power *= weight;
    return sum / (1 - power);
  });
}

function traces(curves, percent) {
  const opacity = curves.length > 10 ? 0.12 : 0.25; // of what is not smoothed
  const found = [];
  for (const [number, curve] of curves) {
    const run = data.runs[number];
    const mode = curve.steps.length < 3 ? "lines+markers" : "lines";
    const trace = (x, y, line, more) =>
      found.push({ x, y, mode, name: run.name, line: { color: run.color, dash: run.dash, ...line }, ...more });
    const isSmooth = percent > 0 && curve.steps.length > 2;
    const hovertemplate = `%{fullData.name}<br>step %{x}: ${isSmooth ? "smoothed " : ""}%{y}<extra></extra>`;
    if (isSmooth) {
      trace(curve.steps, curve.values, { width: 1, dash: "solid" }, { opacity, hoverinfo: "skip" });
      trace(curve.places, smoothed(curve.centers, percent), { width: 2 }, { hovertemplate });
    } else {
      trace(curve.steps, curve.values, { width: 1.5 }, { hovertemplate });
    }
  }
  return found.sort((a, b) => (a.opacity ?? 1) - (b.opacity ?? 1)); // the faint ones behind all others
}

function layout() {
  const style = getComputedStyle(document.documentElement);
  const [text, grid, back] = ["--faint", "--grid", "--back"].map((name) => style.getPropertyValue(name));
  const axis = { gridcolor: grid, linecolor: grid, zeroline: false, automargin: true };
  return {
    xaxis: { ...axis },
    yaxis: { ...axis, type: find("#log").checked ? "log" : "linear", exponentformat: "power" },
    margin: { l: 44, r: 10, t: 8, b: 30 },
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    font: { color: text, family: "system-ui, sans-serif", size: 11 },
    hoverlabel: { bgcolor: back, align: "left" },
    hovermode: "closest",
    modebar: { bgcolor: "transparent", color: text, activecolor: text },
    showlegend: false,
    uirevision: find("#log").checked, // what is zoomed stays so
  };
}

const CONFIG = {
  responsive: true,
  displaylogo: false,
  modeBarButtons: [["toImage"], ["zoom2d", "pan2d", "resetScale2d"]], // without the one that uploads to plotly's servers
  showSendToCloud: false,
  plotlyServerURL: "",
  toImageButtonOptions: { format: "svg", filename: "curves" },
};

function draw(figure) {
  const place = find(".plot", figure);
  const { runs } = data.curves[figure.dataset.curves];
  const visible = new Set(rows.filter((row) => !row.hidden).map(runOf));
  const shown = ([number]) => picked.has(number) && visible.has(number);
  figure.curves ??= runs.map(([number, packed]) => [number, unpack(packed)]);
  find(".static", figure)?.remove();
  const curves = figure.curves.filter(shown);
  Plotly.react(place, traces(curves, Number(find("#smoothing").value)), layout(), CONFIG);
}

let state = 0; // counts the changes of what is to be drawn

function redraw() {
  state++;
  drawStale();
}

const drawStale = soon(() => {
  if (!figures.length) return;
  const number = rows.filter((row) => !row.hidden && picked.has(runOf(row))).length;
  find("#shown").value = number === rows.length ? "" : `${number} of ${rows.length} runs are drawn`;
  find("#smoothing + output").value = `${find("#smoothing").value} %`;
  for (const figure of figures.filter((one) => inSight.has(one) && !one.hidden && one.state !== state)) {
    draw(figure);
    figure.state = state;
  }
});

function startCurves() {
  if (!figures.length) return;
  // A figure is drawn when it comes into sight.
  const watch = new IntersectionObserver((changes) => {
    for (const { target, isIntersecting } of changes) inSight[isIntersecting ? "add" : "delete"](target);
    drawStale();
  });
  for (const figure of figures) watch.observe(figure);
  find("#smoothing").oninput = redraw;
  find("#log").onchange = redraw;
  find("#show-all").onclick = () => pick(data.runs.keys());
  find("#hide-all").onclick = () => pick([]);
  find("#metric-filter").oninput = ({ target }) => {
    for (const figure of figures) {
      figure.hidden = !find("figcaption", figure).textContent.toLowerCase().includes(target.value.toLowerCase());
    }
    redraw();
  };
  dark.onchange = redraw;
}

// --- the difference of two runs

const TOO_MANY = 1000; // changes, from which on two texts are shown as altogether different
const SAME = "The same in both.";
const CONTEXT = 3; // lines around a change

// What makes `b` of `a`: [sign, item], with " ", "-" and "+". E. Myers, An O(ND) Difference Algorithm, 1986.
function difference(a, b) {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  const same = (items) => items.map((item) => [" ", item]);
  const middle = shortest(a.slice(start, a.length - end), b.slice(start, b.length - end));
  return [...same(a.slice(0, start)), ...middle, ...same(a.slice(a.length - end))];
}

function shortest(a, b) {
  const farthest = new Map([[1, 0]]); // by diagonal: how far in `a` one gets
  const before = [];
  for (let changes = 0; changes <= Math.min(a.length + b.length, TOO_MANY); changes++) {
    before.push(new Map(farthest));
    for (let k = -changes; k <= changes; k += 2) {
      const down = k === -changes || (k !== changes && farthest.get(k - 1) < farthest.get(k + 1));
      let x = down ? farthest.get(k + 1) : farthest.get(k - 1) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      farthest.set(k, x);
      if (x >= a.length && x - k >= b.length) return wayBack(a, b, before);
    }
  }
  return [...a.map((item) => ["-", item]), ...b.map((item) => ["+", item])];
}

function wayBack(a, b, before) {
  const found = [];
  let [x, y] = [a.length, b.length];
  for (let changes = before.length - 1; changes >= 0; changes--) {
    const farthest = before[changes];
    const k = x - y;
    const down = k === -changes || (k !== changes && farthest.get(k - 1) < farthest.get(k + 1));
    const last = down ? farthest.get(k + 1) : farthest.get(k - 1);
    const end = last - (down ? k + 1 : k - 1);
    while (x > last && y > end) {
      found.push([" ", a[--x]]);
      y--;
    }
    if (changes) found.push(down ? ["+", b[end]] : ["-", a[last]]);
    [x, y] = [last, end];
  }
  return found.reverse();
}

const CLASSES = { "+": "added", "-": "removed", " ": "" };

// Both commands, with the words that are different marked.
function commands(a, b) {
  const words = difference(a.match(/\s+|\S+/g) ?? [], b.match(/\s+|\S+/g) ?? []);
  const side = (sign) =>
    make("div", { className: CLASSES[sign] }, `${sign} `,
      ...words.filter(([other]) => other === " " || other === sign)
        .map(([other, word]) => (other === " " ? word : make("b", { textContent: word }))));
  return make("div", { className: "code wrapped" }, side("-"), side("+"));
}

const NO_NEWLINE = "\\ No newline at end of file"; // as git says it

function linesOf(text) {
  const lines = (text ?? "").split("\n");
  const last = lines.pop();
  return last === "" ? lines : [...lines, last, NO_NEWLINE];
}

// What changed in a file. A text is undefined where there is none, and a list where there is only something to be said
// of it.
function changed(old, now) {
  if (![old, now].some(Array.isArray)) return hunks(difference(linesOf(old), linesOf(now)));
  const said = (text) => (Array.isArray(text) ? text : text === undefined ? [] : [`${linesOf(text).length} lines`]);
  return hunks([...said(old).map((line) => ["-", line]), ...said(now).map((line) => ["+", line])]);
}

// The lines that are different, with those around them.
function hunks(lines) {
  const isNear = lines.map(() => false);
  lines.forEach(([sign], place) => {
    if (sign === " ") return;
    isNear.fill(true, Math.max(0, place - CONTEXT), place + CONTEXT + 1);
  });
  const block = make("div", { className: "code" });
  let [old, now] = [1, 1];
  lines.forEach(([sign, line], place) => {
    if (isNear[place]) {
      if (!isNear[place - 1]) block.append(make("div", { className: "hunk", textContent: `@@ -${old} +${now} @@` }));
      block.append(make("div", { className: CLASSES[sign], textContent: sign + line }));
    }
    if (sign !== "+") old++;
    if (sign !== "-") now++;
  });
  return block;
}

const filesOf = (files) => new Map(files.map(([path, mode, text]) => [path, { mode, text }]));
const commits = new Map(data.code.commits.map(({ commit, files }) => [commit, filesOf(files)]));
const ABSENT = { mode: "000000", text: -1 };

function code(a, b) {
  const unknown = [a, b].find((run) => !commits.has(run.commit));
  if (unknown) return [`The code of run ${unknown.name} is not in this page: its commit was not in the repository.`];
  if (a.commit === b.commit) return [`Both ran commit ${a.commit.slice(0, 10)}.`];
  const base = commits.values().next().value;
  const at = (run, path) => commits.get(run.commit).get(path) ?? base.get(path) ?? ABSENT;
  const paths = [...new Set([a, b].flatMap((run) => [...commits.get(run.commit).keys()]))].sort();
  const found = [];
  for (const path of paths) {
    const [old, now] = [at(a, path), at(b, path)];
    if (old.mode === now.mode && old.text === now.text) continue;
    const added = old === ABSENT || old.text < 0 ? " (added)" : now.text < 0 ? " (removed)" : "";
    const mode = !added && old.mode !== now.mode ? ` (mode ${old.mode}, then ${now.mode})` : "";
    found.push(make("h3", { textContent: path + added + mode }));
    if (old.text !== now.text) found.push(changed(data.code.texts[old.text], data.code.texts[now.text]));
  }
  return found.length ? found : ["The commits are different, their files are the same."];
}

function parameters(a, b) {
  const [old, now] = [new Map(a.params), new Map(b.params)];
  const names = [...new Set([...old.keys(), ...now.keys()])].filter((name) => old.get(name) !== now.get(name));
  if (!names.length) return [SAME];
  const row = (cell, ...texts) => make("tr", {}, ...texts.map((textContent) => make(cell, { textContent })));
  return [
    make("table", {}, make("thead", {}, row("th", "", a.name, b.name)),
      make("tbody", {}, ...names.map((name) => row("td", name, old.get(name) ?? "", now.get(name) ?? "")))),
  ];
}

function compare() {
  const [a, b] = ["#a", "#b"].map((id) => data.runs[find(id).value]);
  const dirty = [a, b].filter((run) => run.dirty);
  const note = (run) => make("p", { textContent: `${run.name} had uncommitted changes, too, which nothing keeps.` });
  const title = (textContent) => make("h3", { textContent });
  find("#differences").replaceChildren(
    title("Parameters"), ...parameters(a, b),
    title("Command"), a.command === b.command ? SAME : commands(a.command, b.command),
    title("Code"), ...dirty.map(note), ...code(a, b),
  );
}

function startComparison() {
  if (!find("#compare")) return;
  for (const [id, chosen] of [["#a", 1], ["#b", 0]]) {
    find(id).append(...data.runs.map(({ name }, value) => make("option", { value, textContent: name })));
    find(id).value = chosen;
    find(id).onchange = compare;
  }
  find("#swap").onclick = () => {
    [find("#a").value, find("#b").value] = [find("#b").value, find("#a").value];
    compare();
  };
  compare();
}

// --- the runs

function openNamed() {
  const named = document.getElementById(location.hash.slice(1));
  if (named?.tagName === "DETAILS") named.open = true;
}

document.documentElement.classList.add("with-script");
startTable();
startCurves();
startComparison();
pick([...data.runs.keys()].slice(0, data.shown));
summarize();
addEventListener("hashchange", openNamed);
openNamed();

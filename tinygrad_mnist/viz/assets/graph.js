// The page of a graph: shows one of its layouts at a time, and tells of what is pointed at.
"use strict";

const { views, things } = data();
const paper = document.getElementById("paper");
const facts = document.getElementById("facts");
let now = 0;
let zoom = null; // pixels of the screen for one of the picture; null: as wide as there is room for
let pinned = null;

const nameOf = (group) => {
  if (group.classList.contains("edge")) return [...group.classList].find((word) => word in things) || null;
  const title = group.querySelector(":scope > title").textContent;
  return title.replace(/^cluster_|x\d+$/g, ""); // a leaf used far away has boxes v7x0, v7x1 ...
};

function bars(spread, kind) {
  const most = Math.max(...spread.counts, 1);
  const made = element("div", { class: `bars ${kind}`, role: "img", "aria-label": `histogram of ${kind}` });
  for (const count of spread.counts) made.append(element("i", { style: `height:${(100 * count) / most}%`, title: count }));
  const about = [`mean ${shown(spread.mean)}, deviation ${shown(spread.deviation)}`];
  if (spread.of) about.push(`of ${spread.of.toLocaleString("en")} values`);
  if (spread["not finite"]) about.push(`${spread["not finite"].toLocaleString("en")} not finite`);
  const ends = element("div", { class: "ends number faint" }, element("span", {}, shown(spread.low)), element("span", {}, shown(spread.high)));
  const note = element("div", { class: "faint" }, about.join(", "));
  return spread.counts.length ? [element("h3", {}, kind), made, ends, note] : [element("h3", {}, kind), element("div", {}, "nothing finite")];
}

function tell(name) {
  const thing = things[name];
  if (!thing) return;
  const rows = Object.entries(thing.rows).map(([key, value]) => element("tr", {}, element("td", {}, key), element("td", { class: "number" }, value)));
  const parts = [element("h2", {}, thing.title), element("div", { class: "faint" }, thing.kind), thing.text && element("p", {}, thing.text), element("table", {}, ...rows)];
  if (thing.kind === "operation") {
    if (thing.source) parts.push(element("h3", {}, "source"), element("div", { class: "faint" }, thing.source.place), element("pre", {}, element("code", {}, thing.source.text)));
    else parts.push(element("p", { class: "faint" }, "source line: run the forward pass inside viz.record_lines()"));
  }
  for (const kind of ["values", "gradient"]) if (thing[kind]) parts.push(...bars(thing[kind], kind));
  facts.replaceChildren(...parts.filter(Boolean));
  facts.dataset.of = name;
}

function look(group) {
  for (const other of paper.querySelectorAll(".looked")) other.classList.remove("looked");
  group.classList.add("looked");
  tell(nameOf(group));
}

function go(target, name) {
  show(target);
  const kept = [...paper.querySelectorAll(".node, .cluster")].find((group) => nameOf(group).slice(1) === name.slice(1) && "fc".includes(nameOf(group)[0]));
  if (kept) {
    kept.scrollIntoView({ block: "nearest", inline: "nearest" });
    kept.focus({ preventScroll: true });
  }
}

function show(index) {
  now = index;
  const view = views[index];
  paper.innerHTML = view.svg; // written by graphviz, which escapes
  const svg = paper.querySelector("svg");
  svg.dataset.width = parseFloat(svg.getAttribute("width")) * (4 / 3);
  svg.removeAttribute("height");
  for (const group of svg.querySelectorAll(".node, .cluster, .edge")) {
    const name = nameOf(group);
    if (!name || !(name in things)) continue;
    const target = view.go[name];
    const edge = group.classList.contains("edge");
    if (edge) group.classList.add("about");
    else {
      group.setAttribute("tabindex", "0");
      group.setAttribute("role", target === undefined ? "img" : "button");
      group.setAttribute("aria-label", `${things[name].kind} ${things[name].title}`);
    }
    group.addEventListener("mouseenter", () => pinned || look(group));
    group.addEventListener("focus", () => { pinned = null; look(group); });
    const open = () => go(target, name);
    if (target === undefined) group.addEventListener("click", (event) => { event.stopPropagation(); look(group); pinned = name; });
    else {
      group.classList.add("door");
      group.addEventListener("click", (event) => { event.stopPropagation(); open(); });
      group.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(); } });
    }
  }
  for (const button of document.querySelectorAll("#levels button")) button.setAttribute("aria-pressed", String(Number(button.dataset.view) === now));
  size();
  search();
}

function size() {
  const svg = paper.querySelector("svg");
  const natural = Number(svg.dataset.width);
  const room = paper.clientWidth - 26;
  svg.setAttribute("width", `${zoom === null ? Math.min(natural, room) : natural * zoom}`);
}

function scale(factor) {
  const svg = paper.querySelector("svg");
  zoom = Math.min(Math.max((Number(svg.getAttribute("width")) / Number(svg.dataset.width)) * factor, 0.1), 8);
  size();
}

let hits = [];
let hit = -1;
function search() {
  const word = box.value.trim().toLowerCase();
  for (const group of paper.querySelectorAll(".found")) group.classList.remove("found");
  hits = [];
  hit = -1;
  if (!word) { count.textContent = ""; return; }
  for (const group of paper.querySelectorAll(".node, .cluster")) {
    const thing = things[nameOf(group)];
    if (thing && `${thing.title} ${Object.values(thing.rows).join(" ")}`.toLowerCase().includes(word)) {
      group.classList.add("found");
      hits.push(group);
    }
  }
  count.textContent = `${hits.length} found`;
}

function nextHit() {
  if (!hits.length) return;
  hit = (hit + 1) % hits.length;
  hits[hit].scrollIntoView({ block: "center", inline: "center" });
  look(hits[hit]);
}

const tools = document.getElementById("tools");
const levels = element("span", { id: "levels", role: "group", "aria-label": "levels that are open" });
const sorted = views.map((view, index) => [view.level, index]).filter(([level]) => level !== null).sort((a, b) => a[0] - b[0]);
if (sorted.length > 1) for (const [level, index] of sorted) levels.append(element("button", { type: "button", "data-view": index, title: `open ${level} levels`, click: () => show(index) }, String(level)));
const box = element("input", { type: "search", id: "search", placeholder: "search  /", "aria-label": "search", input: search });
const count = element("span", { id: "count", class: "faint", role: "status" });
box.addEventListener("keydown", (event) => { if (event.key === "Enter") nextHit(); });
tools.append(
  sorted.length > 1 ? element("label", {}, "levels ", levels) : "", box, count,
  element("button", { type: "button", title: "smaller", "aria-label": "smaller", click: () => scale(1 / 1.25) }, "−"),
  element("button", { type: "button", title: "as wide as the page", "aria-label": "as wide as the page", id: "fit", click: () => { zoom = null; size(); } }, "↔"),
  element("button", { type: "button", title: "larger", "aria-label": "larger", click: () => scale(1.25) }, "+"),
  themeButton(),
);
facts.append(element("p", { class: "faint" }, "Point at something, or walk with Tab. A click opens a folded module, and closes a frame. Keys: / search, Enter next, + − 0 size, digits levels."));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") { pinned = null; box.value = ""; search(); box.blur(); return; }
  if (document.activeElement === box) return;
  if (event.key === "/") { event.preventDefault(); box.focus(); }
  else if (event.key === "+" || event.key === "=") scale(1.25);
  else if (event.key === "-") scale(1 / 1.25);
  else if (event.key === "0" && !sorted.some(([level]) => level === 0)) { zoom = null; size(); }
  else if (/^[0-9]$/.test(event.key)) { const found = sorted.find(([level]) => level === Number(event.key)); if (found) show(found[1]); }
});
paper.addEventListener("click", () => { pinned = null; });
window.addEventListener("resize", () => zoom === null && size());
show(0);

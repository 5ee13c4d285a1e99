// The room for drawing: what is on the paper goes to the program, and back comes what the network makes of it, as often
// as it answers.
"use strict";

const SIDE = 112; // of what is sent: four times MNIST's side
const PEN = 10; // 2.5 of MNIST's pixels
const paper = at("paper");
const small = element("canvas", { width: SIDE, height: SIDE });
for (const canvas of [paper, small]) canvas.getContext("2d", { willReadFrequently: canvas === small });
const deeds = []; // {points}: a stroke, {pixels, label, index}: a test digit, {}: cleared; undo takes the last one back
let stroke = null; // that is being drawn
let target = null; // class of the gradient, null for the likeliest
let answer = null; // the latest: input, logits, probabilities, target, gradient, layers
let asking = false;
let changed = false;

// ---------------------------------------------------------------- the paper

const ground = () => deeds.findLastIndex((deed) => !deed.points); // what the latest strokes are on

const isEmpty = () => !deeds[ground()]?.pixels && !deeds.at(-1)?.points;

function paint(canvas) {
  const pen = canvas.getContext("2d");
  const from = ground();
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.scale(canvas.width / SIDE, canvas.height / SIDE);
  if (deeds[from]?.pixels) {
    const image = new ImageData(28, 28);
    deeds[from].pixels.forEach((value, i) => image.data.set([value, value, value, 255], 4 * i));
    const digit = element("canvas", { width: 28, height: 28 });
    digit.getContext("2d").putImageData(image, 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(digit, 0, 0, SIDE, SIDE);
  }
  Object.assign(pen, { strokeStyle: "#fff", lineWidth: PEN, lineCap: "round", lineJoin: "round" });
  for (const { points } of deeds.slice(from + 1)) {
    pen.beginPath();
    pen.moveTo(...points[0]);
    for (const point of points) pen.lineTo(...point);
    pen.stroke();
  }
}

function redraw() {
  paint(paper);
  paint(small);
  const under = deeds[ground()];
  at("drawn").textContent = under?.pixels ? `Test image ${under.index}, a ${under.label}.` : isEmpty() ? "Draw with mouse, finger or pen." : "";
  at("undo").disabled = !deeds.length;
  changed = true;
  look();
}

function place(event) {
  const box = paper.getBoundingClientRect();
  return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
}

paper.addEventListener("pointerdown", (event) => {
  if (stroke || event.button !== 0) return;
  event.preventDefault();
  paper.setPointerCapture(event.pointerId);
  stroke = { points: [place(event)], pointer: event.pointerId };
  deeds.push(stroke);
  redraw();
});
paper.addEventListener("pointermove", (event) => {
  if (stroke?.pointer !== event.pointerId) return;
  const parts = event.getCoalescedEvents?.() ?? [];
  stroke.points.push(...(parts.length ? parts : [event]).map(place));
  redraw();
});
for (const name of ["pointerup", "pointercancel"]) {
  paper.addEventListener(name, (event) => {
    if (stroke?.pointer === event.pointerId) stroke = null;
  });
}

function add(deed) {
  stroke = null;
  deeds.push(deed);
  redraw();
}

at("clear").addEventListener("click", () => add({}));
at("undo").addEventListener("click", () => { stroke = null; deeds.pop(); redraw(); });
at("digit").addEventListener("click", async () => {
  const digit = await ask("/digit");
  if (digit) add(digit);
});
at("centre").addEventListener("change", redraw);

// ---------------------------------------------------------------- what the network makes of it

// While an answer is under way, changes wait for it.
async function look() {
  if (asking || !changed || !facts.ready) return;
  asking = true;
  changed = false;
  const rgba = small.getContext("2d").getImageData(0, 0, SIDE, SIDE).data;
  const pixels = Array.from({ length: SIDE * SIDE }, (_, i) => rgba[4 * i]);
  const layers = [...document.querySelectorAll("#layers details[open]")].map((layer) => layer.dataset.name);
  const found = await ask("/look", { pixels, centre: at("centre").checked, target, layers });
  if (found) {
    answer = found;
    showAnswer();
  }
  asking = false;
  requestAnimationFrame(look);
}

function choose(which) {
  target = which;
  changed = true;
  look();
}

const percent = (p) => `${(100 * p).toFixed(2)} %`;

function showAnswer() {
  const likeliest = answer.probabilities.indexOf(Math.max(...answer.probabilities));
  answer.probabilities.forEach((p, i) => {
    const row = at(`class-${i}`);
    row.querySelector("i").style.width = `${100 * p}%`;
    row.querySelector(".number").textContent = percent(p);
    row.title = `logit ${shown(answer.logits[i])}`;
    row.classList.toggle("likeliest", i === likeliest);
    row.setAttribute("aria-pressed", i === answer.target);
  });
  at("said").textContent = isEmpty() ? "" : `Looks like ${likeliest}: ${percent(answer.probabilities[likeliest])}`;
  at("likeliest").setAttribute("aria-pressed", target === null);
  heat(at("input"), floats(answer.input).values, 28, 28, { kind: "grey", limit: 1 });
  key(at("gradient-key"), "around", heat(at("gradient"), floats(answer.gradient).values, 28, 28));
  at("towards").textContent = `gradient of the logit of ${answer.target}: more light raises it where orange, lowers it where blue`;
  for (const [name, packed] of Object.entries(answer.layers)) showLayer(name, floats(packed));
}

// ---------------------------------------------------------------- its layers

// Numbers in a row become a map of at most 32 to a line.
const mapsOf = (shape) => (shape.length === 3 ? shape : [1, Math.ceil(shape[0] / 32), Math.min(shape[0], 32)]);
const across = ([count]) => (count > 32 ? 16 : Math.min(count, 8));

function showLayer(name, { shape, values }) {
  const layer = document.querySelector(`#layers details[data-name="${CSS.escape(name)}"]`);
  const kind = values.some((value) => value < 0) ? "around" : "from";
  const most = montage(layer.querySelector("canvas"), values, mapsOf(shape), across(mapsOf(shape)), kind);
  key(layer.querySelector(".key"), kind, most);
}

// Say the value under the pointer.
function point(event, name) {
  if (!answer?.layers[name]) return;
  const { shape, values } = floats(answer.layers[name]);
  const [count, rows, columns] = mapsOf(shape);
  const box = event.currentTarget.getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) / box.width) * event.currentTarget.width);
  const y = Math.floor(((event.clientY - box.top) / box.height) * event.currentTarget.height);
  const map = Math.floor(y / (rows + 1)) * across([count]) + Math.floor(x / (columns + 1));
  const [row, column] = [y % (rows + 1), x % (columns + 1)];
  const i = (map * rows + row) * columns + column;
  if (row === rows || column === columns || i >= values.length) return;
  at("pointed").textContent = `${name}[${shape.length === 3 ? `${map}, ${row}, ${column}` : i}] = ${shown(values[i])}`;
}

for (let i = 0; i < 10; i += 1) {
  at("classes").append(element("button", { type: "button", id: `class-${i}`, "aria-pressed": "false", click: () => choose(i) },
    element("span", {}, String(i)), element("span", { class: "bar" }, element("i")), element("span", { class: "number" })));
}
at("likeliest").addEventListener("click", () => choose(null));
for (const { name, kind, shape } of facts.layers) {
  const what = shape.length === 3 ? `${shape[0]} maps of ${shape[1]} × ${shape[2]}` : `${shape[0]} numbers`;
  const tell = (event) => point(event, name);
  const opened = () => { changed = true; look(); };
  at("layers").append(element("details", { open: true, "data-name": name, toggle: opened },
    element("summary", {}, element("b", {}, kind), ` ${name} `, element("span", { class: "faint" }, `${what} `), element("span", { class: "key faint" })),
    element("canvas", { role: "img", "aria-label": `values of ${name}`, pointermove: tell, pointerdown: tell })));
}

function showReady({ ready, text, share }) {
  facts.ready = ready;
  at("waiting").hidden = ready;
  at("pictures").hidden = at("depths").hidden = !ready;
  at("trained").textContent = ready ? text : "";
  at("waiting-text").textContent = text;
  at("waiting-bar").value = share;
  changed ||= !answer;
  look();
}

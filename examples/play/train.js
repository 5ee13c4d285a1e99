// The room for training: events tell how it goes; the curves, the first weights and the doctor's verdicts are shown.
"use strict";

let points = []; // of the curves
let due = false; // to be drawn

function setting(name) {
  const { value } = at(name);
  return name === "optimizer" ? value : value === "" ? null : Number(value);
}

const names = Object.keys(facts.choices);
for (const name of names) {
  const { values, start } = facts.choices[name];
  for (const [value, label] of values) at(name).append(element("option", { value: String(value), selected: value === start }, label));
}
at("start").addEventListener("click", () => ask("/train", { action: "start", ...Object.fromEntries(names.map((name) => [name, setting(name)])) }));
at("pause").addEventListener("click", () => ask("/train", { action: at("pause").dataset.action }));
at("stop").addEventListener("click", () => ask("/train", { action: "stop" }));
at("pace").addEventListener("change", () => ask("/train", { action: "pace", pace: setting("pace") }));
at("settings").addEventListener("submit", (event) => event.preventDefault());

function showTraining({ state, text }) {
  const under = state === "running" || state === "paused";
  at("state").textContent = text;
  at("state").dataset.state = state;
  at("start").textContent = under ? "Start anew" : "Start";
  at("pause").disabled = at("stop").disabled = !under;
  at("pause").textContent = state === "paused" ? "Go on" : "Pause";
  at("pause").dataset.action = state === "paused" ? "resume" : "pause";
}

function showWeights({ images, units }) {
  const { shape, values } = floats(images);
  key(at("weights-key"), "around", montage(at("weights"), values, shape, Math.min(shape[0], 8), "around"));
  at("units").textContent = `${shape[0] < units ? `The first ${shape[0]} of ${units}` : `All ${units}`} hidden units: light speaks for a unit where orange, against it where blue.`;
}

function showVerdict({ name, step, seen, figure, advice, hint }) {
  at("verdicts").append(element("li", { "data-name": name },
    element("b", {}, `${name.replaceAll("_", " ")}${hint ? " (a hint)" : ""}`), element("span", { class: "faint" }, ` at step ${step}`),
    element("p", {}, seen), element("p", { class: "faint" }, figure), element("p", {}, element("b", {}, "Try: "), advice)));
  at("healthy").textContent = "";
}

function forget() {
  points = [];
  at("verdicts").replaceChildren();
  at("healthy").textContent = facts.doctor ? "Nothing to say so far." : "This version of the package has no doctor.";
  showCurves();
}

function addPoint(point) {
  points.push(point);
  showCurves();
}

// ---------------------------------------------------------------- curves

function showCurves() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    chart(at("loss"), ["loss", "held_loss"], true);
    chart(at("accuracy"), ["accuracy", "held_accuracy"], false);
    const last = points.at(-1);
    at("numbers").textContent = !last ? "\u00a0"
      : `epoch ${last.epoch}, step ${last.step}: loss ${shown(last.loss)} (held out ${shown(last.held_loss)}), `
      + `accuracy ${(100 * last.accuracy).toFixed(1)} % (${(100 * last.held_accuracy).toFixed(1)} %)`;
  });
}

// Two curves over the steps: the loss on a scale of powers of ten, the accuracy from 0 to 100 %.
function chart(canvas, names, logarithmic) {
  const [width, height, ratio] = [canvas.clientWidth, canvas.clientHeight, devicePixelRatio || 1];
  if (!width) return;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  const style = getComputedStyle(document.documentElement);
  const ink = (name) => style.getPropertyValue(name).trim();
  const [left, top, right, bottom] = [52, 8, width - 14, height - 22];
  const [low, high] = logarithmic ? rangeOf(names) : [0, 1];
  const last = Math.max(1, points.at(-1)?.step ?? 1);
  const x = (step) => left + ((right - left) * step) / last;
  const y = (value) => bottom - ((bottom - top) * ((logarithmic ? Math.log10(Math.max(value, 1e-6)) : value) - low)) / (high - low);
  pen.scale(ratio, ratio);
  Object.assign(pen, { font: "12px sans-serif", fillStyle: ink("--faint"), strokeStyle: ink("--line"), lineWidth: 1 });
  Object.assign(pen, { textBaseline: "middle", textAlign: "right" });
  for (const tick of logarithmic ? powersBetween(low, high) : [0, 0.25, 0.5, 0.75, 1]) {
    pen.beginPath();
    pen.moveTo(left, y(tick));
    pen.lineTo(right, y(tick));
    pen.stroke();
    pen.fillText(logarithmic ? shown(tick) : `${100 * tick} %`, left - 6, y(tick));
  }
  pen.textBaseline = "top";
  for (let step = 0; step <= last; step += strideOf(last)) {
    pen.textAlign = step === 0 ? "left" : x(step) > right - 24 ? "right" : "center";
    pen.fillText(step === 0 ? "step 0" : step.toLocaleString("en"), x(step), bottom + 6);
  }
  const thin = Math.max(1, Math.floor(points.length / width));
  const drawn = points.filter((_, i) => i % thin === 0 || i === points.length - 1);
  names.forEach((name, which) => {
    Object.assign(pen, { strokeStyle: ink(which ? "--warm" : "--cool"), lineWidth: 2, lineJoin: "round" });
    pen.setLineDash(which ? [6, 4] : []);
    pen.beginPath();
    let open = false; // a value that is not finite is a gap
    for (const point of drawn) {
      const value = Number(point[name]);
      if (Number.isFinite(value)) pen[open ? "lineTo" : "moveTo"](x(point.step), y(value));
      open = Number.isFinite(value);
    }
    pen.stroke();
  });
}

// Logarithms of the least and the greatest, at least from 0.1 to 3.
function rangeOf(names) {
  let [low, high] = [0.1, 3];
  for (const point of points) {
    for (const name of names) {
      const value = Number(point[name]);
      if (Number.isFinite(value)) [low, high] = [Math.min(low, value), Math.max(high, value)];
    }
  }
  return [Math.log10(Math.max(low, 1e-6)), Math.log10(Math.min(high, 1e30))];
}

function powersBetween(low, high) {
  const powers = [];
  const apart = Math.ceil((high - low) / 8);
  for (let power = Math.floor(low); power <= high; power += apart) powers.push(...(high - low < 2.2 ? [1, 2, 5] : [1]).map((d) => d * 10 ** power));
  return powers.filter((value) => Math.log10(value) >= low - 1e-9 && Math.log10(value) <= high);
}

// 1, 2 or 5 times a power of ten, so that there are at most six.
function strideOf(last) {
  const size = 10 ** Math.floor(Math.log10(last / 6));
  return Math.max(1, [1, 2, 5, 10].map((d) => d * size).find((stride) => last / stride <= 6));
}

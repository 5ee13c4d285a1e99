// What all pages share: the data in the file, elements, numbers, heat maps, light and dark, and what a page in a frame
// says to the page around it.
"use strict";

const data = () => JSON.parse(document.getElementById("data").textContent);

// An element with attributes (functions are listeners) and children; text is never read as HTML.
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== undefined && value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null));
  return made;
}

// Four digits, as Python's format "{:.4g}" gives them (which rounds exact ties to even, this away from 0).
function shown(x) {
  const value = Number(x);
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  if (value === 0) return "0";
  const size = Math.floor(Math.log10(Math.abs(Number(value.toPrecision(4)))));
  if (size < -4 || size >= 4) {
    const [digits, power] = value.toExponential(3).split("e");
    const trimmed = digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
    return `${trimmed}e${power[0]}${power.slice(1).padStart(2, "0")}`;
  }
  const text = value.toPrecision(4);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

// An array that page.py's floats() packed: {shape, values}.
function floats(packed) {
  const bytes = Uint8Array.from(atob(packed.float32), (character) => character.charCodeAt(0));
  return { shape: packed.shape, values: new Float32Array(bytes.buffer) };
}

// Two scales that people who do not tell red from green can read: blue - white - orange around 0, dark to light for the rest.
const AROUND_ZERO = [[33, 102, 172], [146, 197, 222], [247, 247, 247], [253, 184, 99], [179, 88, 6]];
const FROM_ZERO = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
const GREY = [[0, 0, 0], [255, 255, 255]];

function colour(scale, share) {
  const at = Math.min(Math.max(share, 0), 1) * (scale.length - 1);
  const low = Math.min(Math.floor(at), scale.length - 2);
  return scale[low].map((part, i) => Math.round(part + (scale[low + 1][i] - part) * (at - low)));
}

// Draw values, row by row, one pixel each; what is not finite is red. limit: the size that the ends of the scale mean.
function heat(canvas, values, rows, columns, { limit = null, kind = "around" } = {}) {
  canvas.width = columns;
  canvas.height = rows;
  canvas.classList.add("heat");
  let most = limit;
  if (most === null) {
    most = 0;
    for (const value of values) if (Number.isFinite(value)) most = Math.max(most, Math.abs(value));
  }
  const drawing = canvas.getContext("2d");
  const image = drawing.createImageData(columns, rows);
  const scale = { around: AROUND_ZERO, from: FROM_ZERO, grey: GREY }[kind];
  for (let i = 0; i < rows * columns; i += 1) {
    const value = values[i];
    const share = most === 0 ? 0 : value / most;
    const [r, g, b] = Number.isFinite(value) ? colour(scale, kind === "around" ? (share + 1) / 2 : share) : [200, 0, 0];
    image.data.set([r, g, b, 255], 4 * i);
  }
  drawing.putImageData(image, 0, 0);
  return most;
}

// A button that goes from what the system says to the other of light and dark.
function themeButton() {
  const dark = () => (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const button = element("button", { type: "button", "aria-label": "light or dark", title: "light or dark", id: "theme" }, "◐");
  button.addEventListener("click", () => setTheme(dark() ? "light" : "dark"));
  return button;
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  document.dispatchEvent(new Event("theme"));
}

// In a frame: tell the page around how high this one is, and be light or dark as it says. Nothing else goes in or out.
if (parent !== window) {
  document.documentElement.dataset.framed = "";
  const tell = () => parent.postMessage({ height: Math.ceil(document.body.getBoundingClientRect().height) }, "*");
  new ResizeObserver(tell).observe(document.body);
  addEventListener("message", (event) => {
    const theme = event.source === parent && event.data ? event.data.theme : null;
    if (theme !== "dark" && theme !== "light") return;
    setTheme(theme);
    tell(); // who says this listens
  });
}

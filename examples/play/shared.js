// What both rooms use: asking the program, and pictures of many maps. The package's page.js has element, heat, shown.
"use strict";

const facts = data();
const at = (id) => document.getElementById(id);

async function ask(path, body) {
  const headers = { "Content-Type": "application/json" };
  try {
    const reply = await fetch(path, body === undefined ? {} : { method: "POST", headers, body: JSON.stringify(body) });
    if (!reply.ok) throw new Error(await reply.text());
    trouble("");
    return await reply.json();
  } catch (error) {
    trouble(error instanceof TypeError ? "The program does not answer: has it ended?" : error.message);
    return null;
  }
}

function trouble(text) {
  at("trouble").textContent = text;
  at("trouble").hidden = !text;
}

const SCALES = { around: AROUND_ZERO, from: FROM_ZERO, grey: GREY };
const COLOURS = Object.fromEntries(Object.entries(SCALES).map(
  ([kind, scale]) => [kind, Array.from({ length: 256 }, (_, i) => colour(scale, i / 255))]));
const RED = [200, 0, 0]; // for what is not finite

// Draw maps (count, rows, columns) side by side, a pixel between them; give what the ends of the scale mean.
function montage(canvas, values, [count, rows, columns], across, kind) {
  let most = 0;
  for (const value of values) if (Number.isFinite(value)) most = Math.max(most, Math.abs(value));
  canvas.width = across * (columns + 1) - 1;
  canvas.height = Math.ceil(count / across) * (rows + 1) - 1;
  canvas.classList.add("heat");
  const drawing = canvas.getContext("2d");
  const image = drawing.createImageData(canvas.width, canvas.height);
  values.forEach((value, i) => {
    const map = Math.floor(i / (rows * columns));
    const y = Math.floor(map / across) * (rows + 1) + (Math.floor(i / columns) % rows);
    const x = (map % across) * (columns + 1) + (i % columns);
    const share = most === 0 ? 0 : value / most;
    const [r, g, b] = Number.isFinite(value) ? COLOURS[kind][Math.round(255 * (kind === "around" ? (share + 1) / 2 : share))] : RED;
    image.data.set([r, g, b, 255], 4 * (y * canvas.width + x));
  });
  drawing.putImageData(image, 0, 0);
  return most;
}

function key(place, kind, most) {
  const bar = element("i");
  bar.style.background = `linear-gradient(to right, ${SCALES[kind].map((c) => `rgb(${c})`).join(", ")})`;
  place.replaceChildren(kind === "around" ? shown(-most) : "0", bar, shown(most));
}

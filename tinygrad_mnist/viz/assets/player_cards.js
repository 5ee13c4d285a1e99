// Cards: an array as digits, as a heat map or as images, with its name, its range and how much of it is shown.
"use strict";

// Give the function that makes cards of the arrays of a page, as arrays.py describes them.
function cards(arrays) {
  const unpacked = new Map();
  function numbers(number) {
    if (!unpacked.has(number)) {
      const x = arrays[number].x;
      unpacked.set(number, Array.isArray(x) ? x.map(Number) : floats(x).values);
    }
    return unpacked.get(number);
  }

  // Where an element stands in the whole array: map, row, column -> its index on every axis.
  function index(a, map, row, column) {
    let flat = (map * a.whole[1] + row) * a.whole[2] + column;
    return a.shape.map((size, axis) => {
      const rest = a.shape.slice(axis + 1).reduce((x, y) => x * y, 1);
      const at = Math.floor(flat / rest);
      flat -= at * rest;
      return at;
    });
  }

  const ink = (x, limit) => {
    const [r, g, b] = colour(AROUND_ZERO, limit === 0 ? .5 : (x / limit + 1) / 2);
    return [`rgb(${r},${g},${b})`, .299 * r + .587 * g + .114 * b > 140 ? "#111" : "#fff"];
  };

  function digits(number, a, limit) {
    const all = numbers(number);
    const cell = (row, column) => {
      const x = all[row * a.columns + column];
      const [back, front] = Number.isFinite(x) ? ink(x, limit) : ["rgb(200,0,0)", "#fff"];
      const title = `[${index(a, 0, row, column).join(", ")}] = ${x}`;
      const made = element("td", { "data-value": String(x), title }, shown(x));
      made.style.background = back;
      made.style.color = front;
      return made;
    };
    const upTo = (count) => [...Array(count).keys()];
    const rows = upTo(a.rows).map((row) => element("tr", {}, ...upTo(a.columns).map((column) => cell(row, column))));
    const table = element("table", { class: "digits number" }, element("tbody", {}, ...rows));
    return element("div", { class: "scroll" }, table);
  }

  function maps(number, a, limit, label, foot) {
    const all = numbers(number);
    const size = a.rows * a.columns;
    const many = a.count > 1 || a.side > 0;
    const pixels = (room, count, least, most) => Math.max(least, Math.min(most, Math.floor(room / count)));
    const cell = many ? pixels(84, Math.max(a.columns, a.rows), 2, 12) : pixels(520, a.columns, 4, 18);
    const high = Math.max(3, Math.min(cell, Math.floor(300 / a.rows)), Math.min(16, Math.floor(64 / a.rows)));
    const shift = a.pixels ? a.low : 0;
    const drawn = [...Array(a.count).keys()].map((map) => {
      const part = all.slice(map * size, (map + 1) * size);
      const which = a.count > 1 ? `, ${map + 1} of ${a.count}` : "";
      const said = `${label}: ${a.pixels ? "image" : "heat map"}, ${a.rows} rows, ${a.columns} columns${which}`;
      const canvas = element("canvas", { role: "img", "aria-label": said });
      const kind = a.pixels ? "grey" : "around";
      heat(canvas, a.pixels ? part.map((x) => x - shift) : part, a.rows, a.columns, { limit, kind });
      canvas.style.width = `${a.columns * cell}px`;
      if (!many) canvas.style.height = `${a.rows * high}px`;
      canvas.dataset.array = number;
      canvas.dataset.map = map;
      const ask = (event) => {
        const place = (share, count) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
        const column = place(event.offsetX / canvas.clientWidth, a.columns);
        const row = place(event.offsetY / canvas.clientHeight, a.rows);
        foot.textContent = `[${index(a, map, row, column).join(", ")}] = ${shown(part[row * a.columns + column])}`;
      };
      canvas.addEventListener("pointermove", ask);
      canvas.addEventListener("pointerdown", ask);
      return canvas;
    });
    const made = element("div", { class: "maps" }, ...drawn);
    const channels = a.shape.length > 3 ? a.shape.at(-3) : 1; // a row for each sample
    if (channels > 1 && channels <= 5) made.style.maxWidth = `${channels * (a.columns * cell + 8)}px`;
    return made;
  }

  // One array, number or list of images, with what it is called and how much of it is shown.
  function card(label, number, kind = "") {
    const a = arrays[number];
    const what = [kind, a.form === "number" ? "" : `${a.dtype} ${a.shape.join(" × ")}`].filter(Boolean).join(" · ");
    const caption = element("figcaption", {}, label, element("div", { class: "faint" }, what));
    const made = element("figure", { class: "card", "data-array": number }, caption);
    if (a.form === "number") {
      const attributes = { class: "scalar number", "data-value": String(a.x), title: String(a.x) };
      made.append(element("div", attributes, shown(a.x)));
    } else if (a.form === "empty") {
      made.append(element("p", { class: "faint" }, "no elements"));
    } else {
      const known = a.low !== undefined;
      const limit = !known ? 0 : a.pixels ? a.high - a.low : Math.max(Math.abs(a.low), Math.abs(a.high));
      const probe = element("div", { class: "foot number", "aria-hidden": "true" }, " ");
      made.append(a.form === "digits" ? digits(number, a, limit) : maps(number, a, limit, label, probe));
      const whole = a.form === "digits" && !a.note && !a.bad; // all numbers are there to be read
      if (limit > 0 && !whole) {
        const [low, high, kind] = a.pixels ? [a.low, a.high, "grey"] : [-limit, limit, "around"];
        const scale = element("span", { class: `scale ${kind}`, role: "img", "aria-label": "to" });
        made.append(element("div", { class: "foot number" }, shown(low), scale, shown(high)));
      }
      const range = a.low === a.high ? `all ${shown(a.low)}` : `from ${shown(a.low)} to ${shown(a.high)}`;
      const told = [known && !whole ? range : "", a.bad ? `${a.bad} not finite, in red` : "", a.note];
      if (!whole) made.append(element("div", { class: "foot" }, told.filter(Boolean).join("; ")));
      if (a.form === "maps") made.append(probe);
    }
    return made;
  }

  return card;
}

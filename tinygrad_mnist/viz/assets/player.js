// The player: one step at a time, forward through the operations, then backward. Text and numbers are in data(); what
// shows an array is in player_cards.js, and what a page draws with in page.js.
"use strict";
{
  const { values, operations, steps, boxes, arrays } = data();
  const name = (value) => values[value].name;
  const L = name(steps.find((step) => step.kind === "seed").value);
  const slope = (value, of = L) => `∂${of}/∂${name(value)}`;
  const signed = (x) => (Number(x) < 0 ? `(${shown(x)})` : shown(x));
  const single = (number) => number !== null && arrays[number].form === "number";
  const exact = (number) => arrays[number].x;
  const card = cards(arrays);
  const quiet = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  const valueCard = (value, role = "") => {
    const kind = role === "out" ? "" : values[value].kind;
    return card(name(value), values[value].array, [role && role !== name(value) ? `as ${role}` : "", kind].filter(Boolean).join(" · "));
  };
  const sign = (text) => element("span", { class: "sign", "aria-hidden": "true" }, text);
  const row = (...children) => element("div", { class: "cards" }, ...children);
  const formulas = (lines) => element("div", { class: "formulas" }, ...[...new Set(lines)].map((line) => element("p", { class: "formula" }, line)));
  const equation = (kind, ...parts) => element("p", { class: `formula equation ${kind}` }, ...parts);
  const unique = (list) => [...new Set(list)];

  // ---------------------------------------------------------------- steps

  function heading(phase, count, text, where) {
    const label = element("span", { class: `phase ${phase === "backward" ? "backward" : ""}` }, `${phase === "backward" ? "◀ " : ""}${phase}${count}${phase === "forward" ? " ▶" : ""}`);
    return [element("h2", { id: "what" }, label, text), where ? element("p", { class: "faint" }, `in ${where}`) : null];
  }

  const count = (kind, at) => {
    const all = steps.map((step, i) => [step.kind, i]).filter(([other]) => other === kind);
    return ` ${all.findIndex(([, i]) => i === at) + 1} of ${all.length}`;
  };

  function start() {
    const leaves = values.map((_, i) => i).filter((i) => values[i].by === null && values[i].kind !== "number");
    return [
      ...heading("start", "", "What goes in"),
      element("p", {}, `${operations.length} operations lead from these to ${L}; then the way back: how ${L} changes with each of them.`),
      row(...leaves.map((value) => valueCard(value))),
    ];
  }

  function forward(step, at) {
    const op = operations[step.operation];
    const used = unique(op.arguments.map((x) => x.value)).filter((value) => values[value].kind !== "number");
    const role = (value) => op.arguments.filter((x) => x.value === value).map((x) => x.argument).join(" and ");
    return [
      ...heading("forward", count("forward", at), op.name, op.where),
      element("p", { class: "faint" }, op.words),
      formulas(op.formula),
      op.changed.length ? element("p", {}, `Changed in place since then, and shown as it is now: ${op.changed.join(", ")}.`) : null,
      element("h3", {}, "What goes in, what comes out"),
      row(...used.map((value) => valueCard(value, role(value))), element("div", { class: "cards" }, sign("→"), valueCard(op.out, "out"))),
    ];
  }

  function seed(step) {
    return [
      ...heading("turn", "", "The way back begins"),
      element("p", {}, `How much does ${L} change when ${L} changes? As much: the first gradient is 1.`),
      equation("sum", `∂${L}/∂${L} = `, number(step.after)),
      row(card(`∂${L}/∂${L}`, step.after)),
    ];
  }

  const number = (held) => element("b", { "data-value": String(exact(held)) }, shown(exact(held)));

  function share(part, op, g) {
    const { value, adds, before, after } = part;
    const total = slope(value);
    const local = slope(value, name(op.out));
    const made = element("section", { class: "share", "data-of": value }, element("h3", {}, `To ${name(value)}`));
    const rule = part.slope !== null ? `∂out/∂${part.argument}` : `g${part.argument}`;
    if (part.rule) made.append(element("p", { class: "formula faint" }, `${part.slope !== null && part.rule.endsWith("as written)") ? `g${part.argument}` : rule} = ${part.rule}`));
    else if (part.slope === null) made.append(element("p", { class: "faint" }, `By the rule of ${op.name}.`));
    if (adds === null) {
      made.append(element("p", {}, "The gradients of several outputs travel on together."));
      return made;
    }
    if (part.slope !== null && single(part.slope)) {
      const named = part.rule && !part.rule.endsWith("as written)") && part.named !== shown(exact(part.slope)) ? ` = ${part.named}` : "";
      made.append(equation("slope", `${local}${named} = `, number(part.slope)));
    } else if (part.rule !== part.named) {
      made.append(equation("words", `what it adds = ${part.slope !== null ? `g · (${part.named})` : part.named}`));
    }
    if (single(adds)) {
      if (part.slope !== null && single(part.slope) && g !== null && single(g)) {
        made.append(equation("adds", `g · ${local} = ${signed(exact(g))} · ${signed(exact(part.slope))} = `, number(adds)));
      }
      const sum = before === null ? "0" : shown(exact(before));
      made.append(equation("sum", `${total}: ${sum} + ${signed(exact(adds))} = `, number(after)));
    } else {
      const cards = [];
      if (part.slope !== null) cards.push(card(`local derivative ${local}`, part.slope), sign("· g ="));
      made.append(row(...cards, card(`adds to ${total}`, adds)));
      if (part.stretched) made.append(element("p", { class: "faint" }, `Summed over the axes along which ${name(value)} was stretched.`));
      if (before === null) made.append(equation("sum", `${total}: 0 + this = this`));
      else made.append(element("h3", {}, `The sum ${total} so far`), row(card("before", before), sign("+"), card("this", adds), sign("="), card("now", after)));
    }
    const often = part.uses === 1 ? "Its only use: complete." : `Use ${part.use} of ${part.uses}${part.use === part.uses ? ": complete." : ": there is more to come."}`;
    made.append(element("p", { class: "faint" }, often));
    return made;
  }

  function backward(step, at) {
    const op = operations[step.operation];
    return [
      ...heading("backward", count("backward", at), op.name, op.where),
      formulas(op.formula.slice(0, 2)),
      element("h3", {}, `What arrives: g = ${slope(op.out)}`),
      step.hooked ? element("p", {}, "A hook replaced the sum of what was sent here.") : null,
      step.g === null ? null : row(card(`g = ${slope(op.out)}`, step.g)),
      element("div", { class: "shares" }, ...step.shares.map((part) => share(part, op, step.g))),
    ];
  }

  function end(step) {
    return [
      ...heading("end", "", "The gradients"),
      element("p", {}, `What backward leaves in .grad: how ${L} changes with each. A step of training moves each a little against it.`),
      ...step.gradients.map(({ value, gradient }) => element("div", { class: "share", "data-of": value }, row(valueCard(value), card(slope(value), gradient)))),
    ];
  }

  const kinds = { start, forward, seed, backward, end };

  // ---------------------------------------------------------------- the small graph

  // The sums of gradients when a step is done: value -> number of an array.
  function sumsAt(at) {
    const found = new Map();
    for (const step of steps.slice(0, at + 1)) {
      if (step.kind === "seed") found.set(step.value, step.after);
      for (const part of step.shares || []) if (part.after !== null) found.set(part.value, part.after);
      for (const leaf of step.gradients || []) found.set(leaf.value, leaf.gradient);
    }
    return found;
  }

  function gradient(number) {
    const a = arrays[number];
    if (a.form === "number") return `∇ ${shown(a.x)}`;
    return a.low === undefined ? "∇ not finite" : `|∇| ≤ ${shown(Math.max(Math.abs(a.low), Math.abs(a.high)))}`;
  }

  const strip = document.getElementById("strip");
  const found = boxes.map((box) => ({ ...box, node: document.getElementById(box.id) }));

  const idOf = (value) => (values[value].by === null ? `v${value}` : `o${values[value].by}`);

  function showStrip(at) {
    const step = steps[at];
    const sums = sumsAt(at);
    const turned = steps.findIndex((other) => other.kind === "seed");
    const done = at >= turned ? operations.length : Math.max(0, at);
    let current = null;
    for (const box of found) {
      const by = values[box.of].by;
      const rows = box.node.querySelectorAll("text, span");
      const known = by === null || by < done;
      const here = (by !== null && by === step.operation) || (step.kind === "seed" && box.of === step.value);
      if (box.value !== null) rows[box.value].textContent = known ? shown(exact(values[box.of].array)) : "";
      if (box.gradient !== null) rows[box.gradient].textContent = sums.has(box.of) ? gradient(sums.get(box.of)) : "";
      box.node.classList.toggle("later", !known);
      box.node.classList.toggle("graded", sums.has(box.of));
      box.node.classList.toggle("current", here);
      if (here) current = box.node;
      for (const id of box.edges) {
        const edge = document.getElementById(id);
        if (edge) edge.classList.toggle("later", !known);
        const goes = step.kind === "forward" || (step.shares || []).some((part) => id.startsWith(`${idOf(part.value)}-`));
        if (edge) edge.classList.toggle("current", here && goes);
      }
    }
    const behavior = quiet() ? "auto" : "smooth";
    if (current === null) strip.scrollTo({ left: at === 0 ? 0 : strip.scrollWidth, top: 0, behavior });
    else {
      const [to, from] = [current.getBoundingClientRect(), strip.getBoundingClientRect()];
      const left = strip.scrollLeft + to.left - from.left - (from.width - to.width) / 2;
      strip.scrollTo({ left, top: strip.scrollTop + to.top - from.top - (from.height - to.height) / 2, behavior });
    }
  }

  for (const box of found) {
    box.node.addEventListener("click", () => {
      const kind = at > operations.length ? "backward" : "forward";
      const there = steps.findIndex((step) => step.kind === kind && step.operation === values[box.of].by);
      go(there >= 0 ? there : 0);
    });
  }

  // ---------------------------------------------------------------- controls

  let at = 0;
  let timer = null;
  const main = document.getElementById("player");
  const button = (id, text, label, act) => element("button", { type: "button", id, "aria-label": label, title: label, click: act }, text);
  const play = button("play", "▶ Play", "play (space)", () => toggle());
  const speed = element("select", { id: "speed", "aria-label": "seconds for each step" }, ...[["3", "slow"], ["1.5", "normal"], ["0.5", "fast"]].map(([value, text]) => element("option", { value, selected: value === "1.5" }, text)));
  const said = element("span", { class: "grow", id: "where" });
  const place = element("input", { type: "range", id: "place", min: 0, max: steps.length - 1, value: 0, "aria-label": "step", input: () => { stop(); go(Number(place.value)); } });
  document.querySelector("header").append(themeButton());
  document.getElementById("controls").append(
    element("div", { class: "row", role: "group", "aria-label": "player" },
      button("first", "|◀", "first step (home)", () => { stop(); go(0); }),
      button("back", "←", "one step back (left arrow)", () => { stop(); go(at - 1); }),
      play,
      button("next", "→", "one step on (right arrow)", () => { stop(); go(at + 1); }),
      button("last", "▶|", "last step (end)", () => { stop(); go(steps.length - 1); }),
      speed, said),
    place,
    element("div", { class: "ends" }, element("span", {}, "forward ▶"), element("span", {}, "then ◀ backward")),
  );
  main.after(element("p", { id: "help", class: "faint" }, element("kbd", {}, "space"), " play, pause · ", element("kbd", {}, "←"), " ", element("kbd", {}, "→"), " step · ", element("kbd", {}, "home"), " ", element("kbd", {}, "end"), " first, last · click an operation to go there · point at a heat map for a number"));

  function stop() {
    clearTimeout(timer);
    timer = null;
    play.textContent = "▶ Play";
    play.setAttribute("aria-label", "play (space)");
    main.setAttribute("aria-live", "polite");
  }

  function tick() {
    timer = setTimeout(() => {
      go(at + 1);
      if (at === steps.length - 1) stop();
      else tick();
    }, 1000 * Number(speed.value));
  }

  function toggle() {
    if (timer !== null) return stop();
    if (at === steps.length - 1) go(0);
    play.textContent = "❚❚ Pause";
    play.setAttribute("aria-label", "pause (space)");
    main.setAttribute("aria-live", "off"); // a voice could not follow
    tick();
  }

  function go(to) {
    at = Math.min(Math.max(to, 0), steps.length - 1);
    const step = steps[at];
    main.replaceChildren(...kinds[step.kind](step, at).filter(Boolean));
    main.dataset.step = at;
    place.value = at;
    place.className = step.kind === "backward" || step.kind === "end" ? "backward" : "";
    const words = `step ${at} of ${steps.length - 1}`;
    said.textContent = words;
    place.setAttribute("aria-valuetext", `${words}: ${document.getElementById("what").textContent}`);
    showStrip(at);
  }

  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("select, input[type=text]")) return;
    const acts = { ArrowRight: () => go(at + 1), ArrowLeft: () => go(at - 1), Home: () => go(0), End: () => go(steps.length - 1) };
    if (event.key === " " && !event.target.closest("button")) toggle();
    else if (acts[event.key]) { stop(); acts[event.key](); }
    else return;
    event.preventDefault();
  });

  stop();
  go(0);
}

// The player: the small graph, the controls, and the way from step to step. What a step shows is in player_steps.js, what
// an array looks like in player_cards.js.
"use strict";
{
  const lesson = data();
  const { values, operations, steps, boxes, arrays } = lesson;
  const view = stepViews(lesson, cards(arrays));
  const exact = (number) => arrays[number].x;
  const quiet = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

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
        const gets = (step.shares || []).some((part) => id.startsWith(`${idOf(part.value)}-`));
        const goes = step.kind === "forward" || gets;
        if (edge) edge.classList.toggle("current", here && goes);
      }
    }
    let [left, top] = at === 0 ? [0, 0] : [strip.scrollWidth, strip.scrollHeight];
    if (current !== null) {
      const [to, from] = [current.getBoundingClientRect(), strip.getBoundingClientRect()];
      left = strip.scrollLeft + to.left - from.left - (from.width - to.width) / 2;
      top = strip.scrollTop + to.top - from.top - (from.height - to.height) / 2;
    }
    const far = Math.abs(left - strip.scrollLeft) > 1500 || Math.abs(top - strip.scrollTop) > 1500;
    strip.scrollTo({ left, top, behavior: far || quiet() ? "auto" : "smooth" });
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
  const button = (id, text, label, click) =>
    element("button", { type: "button", id, "aria-label": label, title: label, click }, text);
  const play = button("play", "▶ Play", "play (space)", () => toggle());
  const speeds = [["3", "slow"], ["1.5", "normal"], ["0.5", "fast"]];
  const speed = element("select", { id: "speed", "aria-label": "seconds for each step" },
    ...speeds.map(([value, text]) => element("option", { value, selected: value === "1.5" }, text)));
  const said = element("span", { class: "grow", id: "where" });
  const place = element("input", {
    type: "range", id: "place", min: 0, max: steps.length - 1, value: 0, "aria-label": "step",
    input: () => { stop(); go(Number(place.value)); },
  });
  document.getElementById("controls").append(
    element("div", { class: "row", role: "group", "aria-label": "player" },
      button("first", "|◀", "first step (home)", () => { stop(); go(0); }),
      button("back", "←", "one step back (left arrow)", () => { stop(); go(at - 1); }),
      play,
      button("next", "→", "one step on (right arrow)", () => { stop(); go(at + 1); }),
      button("last", "▶|", "last step (end)", () => { stop(); go(steps.length - 1); }),
      speed, said, themeButton()),
    element("div", { class: "ends" }, element("span", {}, "forward ▶"), place, element("span", {}, "then ◀ backward")),
  );
  const key = (text) => element("kbd", {}, text);
  main.after(element("p", { id: "help", class: "faint" },
    key("space"), " play, pause · ", key("←"), " ", key("→"), " step · ", key("home"), " ", key("end"), " first, last",
    " · click an operation to go there · point at a heat map for a number"));

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
    main.replaceChildren(...view(at));
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
    const places = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: steps.length - 1 };
    if (event.key === " " && !event.target.closest("button")) toggle();
    else if (event.key in places) { stop(); go(places[event.key]); }
    else return;
    event.preventDefault();
  });

  stop();
  go(0);
}

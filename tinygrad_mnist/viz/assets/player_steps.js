// What each step of the player shows: the start, operations forward, the seed, operations backward, the end.
"use strict";

// Give a function (number of a step) -> elements. lesson is the data of the page, card what shows one of its arrays.
function stepViews(lesson, card) {
  const { values, operations, steps, arrays } = lesson;
  const name = (value) => values[value].name;
  const L = name(steps.find((step) => step.kind === "seed").value);
  const slope = (value, of = L) => `∂${of}/∂${name(value)}`;
  const signed = (x) => (Number(x) < 0 ? `(${shown(x)})` : shown(x));
  const single = (number) => number !== null && arrays[number].form === "number";
  const exact = (number) => arrays[number].x;
  const faint = (text) => element("p", { class: "faint" }, text);

  const valueCard = (value, role = "") => {
    const words = [role && role !== name(value) ? `as ${role}` : "", role === "out" ? "" : values[value].kind];
    return card(name(value), values[value].array, words.filter(Boolean).join(" · "));
  };
  const sign = (text) => element("span", { class: "sign", "aria-hidden": "true" }, text);
  const row = (...children) => element("div", { class: "cards" }, ...children);
  const formulas = (lines) => {
    const rows = unique(lines).map((line) => element("p", { class: "formula" }, line));
    return element("div", { class: "formulas" }, ...rows);
  };
  const equation = (kind, ...parts) => element("p", { class: `formula equation ${kind}` }, ...parts);
  const unique = (list) => [...new Set(list)];

  // ---------------------------------------------------------------- steps

  function heading(phase, count, text, where) {
    const [before, after] = [phase === "backward" ? "◀ " : "", phase === "forward" ? " ▶" : ""];
    const label = element("span", { class: `phase ${phase}` }, `${before}${phase}${count}${after}`);
    return [element("h2", { id: "what" }, label, text), where ? faint(`in ${where}`) : null];
  }

  const count = (kind, at) => {
    const all = steps.map((step, i) => [step.kind, i]).filter(([other]) => other === kind);
    return ` ${all.findIndex(([, i]) => i === at) + 1} of ${all.length}`;
  };

  function start() {
    const leaves = values.map((_, i) => i).filter((i) => values[i].by === null && values[i].kind !== "number");
    return [
      ...heading("start", "", "What goes in"),
      element("p", {}, `${operations.length} operations lead from these to ${L}; then the way back: how ${L} changes with each.`),
      row(...leaves.map((value) => valueCard(value))),
    ];
  }

  function forward(step, at) {
    const op = operations[step.operation];
    const used = unique(op.arguments.map((x) => x.value)).filter((value) => values[value].kind !== "number");
    const role = (value) => op.arguments.filter((x) => x.value === value).map((x) => x.argument).join(" and ");
    return [
      ...heading("forward", count("forward", at), op.name, op.where),
      faint(op.words),
      formulas(op.formula),
      op.changed.length ? element("p", {}, `${op.changed.join(", ")} changed in place since; here are the new values.`) : null,
      element("h3", {}, "What goes in, what comes out"),
      row(...used.map((value) => valueCard(value, role(value))), row(sign("→"), valueCard(op.out, "out"))),
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

  // How the derivative of an operation goes, in words or symbols.
  function rule(part, op) {
    if (!part.kind) return faint(`By the rule of ${op.name}.`);
    const what = part.kind === "slope" ? `∂out/∂${part.argument}` : `g${part.argument}`;
    const note = part.kind === "written" ? "  (its rule, as written)" : "";
    return element("p", { class: "formula faint" }, `${what} = ${part.rule}${note}`);
  }

  // Single numbers: local derivative, what is added, the sum.
  function sums(part, op, g) {
    const total = slope(part.value);
    const local = slope(part.value, name(op.out));
    const made = [];
    if (part.slope !== null && single(part.slope)) {
      const named = part.kind === "slope" && part.named !== shown(exact(part.slope)) ? ` = ${part.named}` : "";
      made.push(equation("slope", `${local}${named} = `, number(part.slope)));
      if (g !== null && single(g)) {
        const product = `${signed(exact(g))} · ${signed(exact(part.slope))}`;
        made.push(equation("adds", `g · ${local} = ${product} = `, number(part.adds)));
      }
    }
    const before = part.before === null ? "0" : shown(exact(part.before));
    made.push(equation("sum", `${total}: ${before} + ${signed(exact(part.adds))} = `, number(part.after)));
    return made;
  }

  // The same of arrays.
  function sumsOfArrays(part, op) {
    const total = slope(part.value);
    const local = slope(part.value, name(op.out));
    const made = [];
    const words = part.kind === "slope" ? `g · (${part.named})` : part.named;
    if (part.rule !== part.named) made.push(equation("words", `what it adds = ${words}`));
    const factor = part.slope === null ? [] : [card(`local derivative ${local}`, part.slope), sign("· g =")];
    made.push(row(...factor, card(`adds to ${total}`, part.adds)));
    if (part.stretched) {
      made.push(faint(`Summed over the axes along which ${name(part.value)} was stretched.`));
    }
    if (part.before === null) return [...made, equation("sum", `${total}: 0 + this = this`)];
    const cards = [card("before", part.before), sign("+"), card("this", part.adds), sign("="), card("now", part.after)];
    return [...made, element("h3", {}, `The sum ${total} so far`), row(...cards)];
  }

  function share(part, op, g) {
    const { value, use, uses } = part;
    const made = element("section", { class: "share", "data-of": value }, element("h3", {}, `To ${name(value)}`));
    made.append(rule(part, op));
    if (part.adds === null) made.append(element("p", {}, "The gradients of several outputs travel on together."));
    else made.append(...(single(part.adds) ? sums(part, op, g) : sumsOfArrays(part, op)));
    const more = use === uses ? "complete." : "there is more to come.";
    made.append(faint(uses === 1 ? `Its only use: ${more}` : `Use ${use} of ${uses}: ${more}`));
    return made;
  }

  function backward(step, at) {
    const op = operations[step.operation];
    return [
      ...heading("backward", count("backward", at), op.name, op.where),
      element("div", { class: "columns" },
        element("div", { class: "arrives" },
          formulas(op.formula.slice(0, 2)),
          element("h3", {}, "What arrives"),
          step.hooked ? element("p", {}, "A hook replaced the sum of what was sent here.") : null,
          step.g === null ? null : row(card(`g = ${slope(op.out)}`, step.g))),
        element("div", { class: "shares" }, ...step.shares.map((part) => share(part, op, step.g)))),
    ];
  }

  function end(step) {
    return [
      ...heading("end", "", "The gradients"),
      element("p", {}, `What backward adds to .grad: how ${L} changes with each. Training moves each a little against it.`),
      element("div", { class: "shares" }, ...step.gradients.map(({ value, gradient }) => {
        const cards = row(valueCard(value), card(slope(value), gradient));
        return element("div", { class: "share", "data-of": value }, cards);
      })),
    ];
  }

  const kinds = { start, forward, seed, backward, end };
  return (at) => kinds[steps[at].kind](steps[at], at).filter(Boolean);
}

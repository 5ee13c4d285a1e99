// Which room is open, and the events of both. Runs last.
"use strict";

function enter(room) {
  for (const name of ["draw", "train"]) {
    at(name).hidden = name !== room;
    at(`to-${name}`).setAttribute("aria-pressed", name === room);
  }
  showCurves();
}

function listen() {
  const events = new EventSource("/events");
  const hear = (kind, act) => events.addEventListener(kind, (event) => act(JSON.parse(event.data)));
  events.addEventListener("open", () => { trouble(""); forget(); }); // all that is needed is sent again
  events.addEventListener("error", () => trouble("The program does not answer: has it ended?"));
  hear("network", showReady);
  hear("training", showTraining);
  hear("cleared", forget);
  hear("point", addPoint);
  hear("weights", showWeights);
  hear("verdict", showVerdict);
}

at("centring").textContent = facts.centring;
at("notice").textContent = facts.notice ?? "";
at("notice").hidden = !facts.notice;
at("held").textContent = `${facts.held.toLocaleString("en")} held-out images`;
document.querySelector("h1").after(themeButton());
for (const name of ["draw", "train"]) {
  at(`to-${name}`).addEventListener("click", () => {
    history.replaceState(null, "", `#${name}`);
    enter(name);
  });
}
document.addEventListener("theme", showCurves);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showCurves);
addEventListener("resize", showCurves);
enter(location.hash === "#train" ? "train" : "draw");
listen();
redraw();

// The pages in frames (iframe.page: the player, graphs): as high as they say, and light or dark as the site is. What
// they post is told by its sender; the other half is in tinygrad_mnist/viz/assets/page.js.
"use strict";
{
  const [LEAST, MOST] = [400, 1000]; // pixels
  const system = matchMedia("(prefers-color-scheme: dark)");
  const frames = [...document.querySelectorAll("iframe.page")];
  const needed = new Map(); // frame -> how wide it was, and the largest height at that width

  function theme() {
    const chosen = document.body.dataset.theme; // furo's: light, dark or auto
    return chosen === "light" || chosen === "dark" ? chosen : system.matches ? "dark" : "light";
  }

  const tell = (frame) => frame.contentWindow.postMessage({ theme: theme() }, "*");
  const tellAll = () => frames.forEach(tell);

  addEventListener("message", (event) => {
    const frame = frames.find((one) => one.contentWindow === event.source);
    const height = frame && event.data ? event.data.height : null;
    if (!Number.isFinite(height)) return;
    const before = needed.get(frame);
    const width = frame.clientWidth;
    const most = before && before.width === width ? Math.max(before.height, height) : height; // steps do not make it jump
    needed.set(frame, { width, height: most });
    const edges = frame.offsetHeight - frame.clientHeight;
    frame.style.height = `${Math.min(Math.max(most, LEAST), MOST) + edges}px`;
    frame.style.boxSizing = "border-box";
  });

  for (const frame of frames) frame.addEventListener("load", () => tell(frame));
  new MutationObserver(tellAll).observe(document.body, { attributeFilter: ["data-theme"] });
  system.addEventListener("change", tellAll);
  tellAll(); // for those that are there already
}

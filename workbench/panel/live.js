// One live figure of a notebook. plotly.js is large: one figure of a panel carries it, all figures of the page use it.
const page = (globalThis.workbenchFigures ??= {});
page.plotly ??= new Promise((resolve, reject) => {
  page.found = resolve;
  page.failed = reject;
});

function initialize({ model }) {
  const code = model.get("code");
  if (!code || page.begun) return;
  page.begun = true;
  const script = document.createElement("script");
  script.src = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  script.onload = () => page.found(globalThis.Plotly);
  script.onerror = () => page.failed(new Error("plotly.js cannot be loaded"));
  document.head.append(script);
}

function render({ model, el }) {
  const place = document.createElement("div");
  place.className = "wb-figure";
  el.append(place);
  let turn = Promise.resolve();
  let clicks = 0;

  async function draw() {
    const plotly = await page.plotly;
    const { data, layout } = JSON.parse(model.get("figure"));
    // A drag would zoom, where a click is meant.
    const config = { displayModeBar: false, responsive: true, doubleClick: false };
    await plotly.react(place, data, { ...layout, autosize: true, dragmode: false }, config);
    place.removeAllListeners("plotly_click");
    place.on("plotly_click", ({ points: [{ data: trace, x, y, pointNumber }] }) => {
      clicks += 1; // the same point clicked twice is told twice
      model.set("clicked", [trace.yaxis ?? "y", trace.name ?? "", x, y, pointNumber, clicks]);
      model.save_changes();
    });
  }

  // One drawing after the other, in the order in which they came.
  const next = () => (turn = turn.then(draw, draw));
  const fit = new ResizeObserver(() => {
    if (place.clientWidth && place.classList.contains("js-plotly-plot")) globalThis.Plotly.Plots.resize(place);
  });
  next().then(() => fit.observe(el));
  model.on("change:figure", next);
  return () => {
    model.off("change:figure", next);
    fit.disconnect();
    globalThis.Plotly?.purge(place);
  };
}

export default { initialize, render };

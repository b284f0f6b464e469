// HTML with buttons: each tells which entry it stands for. The HTML is escaped where it is made.
function render({ model, el }) {
  let clicks = 0;
  const show = () => (el.innerHTML = model.get("html"));
  const press = ({ target }) => {
    const button = target.closest("button[data-entry]");
    if (!button) return;
    for (const other of el.querySelectorAll("button")) other.ariaPressed = String(other === button);
    clicks += 1;
    model.set("clicked", [button.dataset.entry, clicks]);
    model.save_changes();
  };
  show();
  model.on("change:html", show);
  el.addEventListener("click", press);
  return () => model.off("change:html", show);
}

export default { render };

"use strict";
// Heatmaps that can be walked through with arrow keys, a tip with a cell's numbers, and a layer's detail.
(() => {
  const parts = JSON.parse(document.getElementById("details").textContent);
  const tip = document.getElementById("tip");
  const make = (name, text, attributes = {}) => {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const about = (cell) => {
    const { part, layer, row } = cell.dataset;
    return { part: Number(part), layer, row: Number(row), table: parts[part].layers[layer][0] };
  };

  // The numbers of a cell, as lines.
  const lines = (cell) => {
    const { layer, row, table } = about(cell);
    const [method, formula, strength, ...numbers] = table.rows[row];
    const found = [`layer ${layer}: ${method}, ${formula}, α = ${strength}`];
    numbers.forEach((number, i) => found.push(`${table.titles[i + 3]}: ${number}`));
    if (cell.classList.contains("best")) found.push(`the chosen patch; gain on ${cell.querySelector("small").textContent}`);
    return found;
  };
  const showTip = (cell) => {
    tip.replaceChildren(...lines(cell).map((line) => make("p", line)));
    tip.hidden = false;
    const box = cell.getBoundingClientRect();
    const wide = document.documentElement.clientWidth;
    const left = Math.max(8, Math.min(box.left, wide - tip.offsetWidth - 8));
    const above = box.top - tip.offsetHeight - 8;
    tip.style.left = `${left + window.scrollX}px`;
    tip.style.top = `${(above > 0 ? above : box.bottom + 8) + window.scrollY}px`;
  };
  const hideTip = () => { tip.hidden = true; };

  // A layer's detail.
  const drawn = (table, marked) => {
    const made = make("table");
    const caption = make("caption");
    caption.append(make("span", table.caption));
    made.append(caption);
    const isNumber = (text) => text === "" || /^[[+−<–\d]/.test(text);
    const kinds = table.heads.map((_, i) => (i && table.rows.every((row) => isNumber(row[i])) ? { class: "num" } : {}));
    const head = make("tr");
    table.heads.forEach((name, i) => {
      const cell = make("th", name, { scope: "col", ...kinds[i] });
      if (table.titles && table.titles[i] !== name) cell.title = table.titles[i];
      head.append(cell);
    });
    made.append(make("thead"), make("tbody"));
    made.tHead.append(head);
    table.rows.forEach((row, number) => {
      const line = make("tr", undefined, number === marked ? { class: "here" } : {});
      row.forEach((text, i) => line.append(i ? make("td", text, kinds[i]) : make("th", text, { scope: "row" })));
      made.tBodies[0].append(line);
    });
    const box = make("div", undefined, { class: "scroll", tabindex: "0", role: "group", "aria-label": `${table.caption}; scrolls sideways` });
    box.append(made);
    return box;
  };
  const open = (part, layer, marked, back) => {
    const place = document.getElementById(`detail-${part}`);
    const known = parts[part] && Object.hasOwn(parts[part].layers, layer);
    if (!place || !known) return false;
    const tables = parts[part].layers[layer];
    const heading = make("h4", `Layer ${layer} · ${parts[part].title}`, { tabindex: "-1" });
    const close = make("button", "Close", { type: "button" });
    close.addEventListener("click", () => {
      place.hidden = true;
      if (back) back.focus();
    });
    place.replaceChildren(close, heading, ...tables.map((table, i) => drawn(table, i ? -1 : marked)));
    place.hidden = false;
    hideTip();
    heading.focus({ preventScroll: true });
    heading.scrollIntoView({ block: "nearest" });
    const scroll = place.getBoundingClientRect();
    if (scroll.top > window.innerHeight * 0.6) place.scrollIntoView({ block: "start" });
    return true;
  };
  const openCell = (cell) => {
    const { part, layer, row } = about(cell);
    // Where the address may not change, the panel opens all the same.
    if (open(part, layer, row, cell)) try { history.replaceState(null, "", `#part=${part}&layer=${layer}`); } catch { /* no address */ }
  };

  // One stop for the tab key in each heatmap; arrows go from cell to cell.
  document.querySelectorAll("table.heat").forEach((table) => {
    table.setAttribute("role", "grid");
    const cells = [...table.querySelectorAll("td[data-layer]")];
    const rest = (to) => cells.forEach((cell) => { cell.tabIndex = cell === to ? 0 : -1; });
    rest(table.querySelector("td.best") || cells[0]);
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const next = (from, [down, across]) => {
      const rows = [...table.tBodies[0].rows];
      let y = rows.indexOf(from.parentNode), x = from.cellIndex;
      for (;;) {
        y += down; x += across;
        const cell = rows[y] && rows[y].cells[x];
        if (!cell) return null;
        if (cell.dataset.layer !== undefined) return cell;
      }
    };
    table.addEventListener("keydown", (event) => {
      const cell = event.target.closest("td[data-layer]");
      if (!cell) return;
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); openCell(cell); }
      if (event.key === "Escape") hideTip();
      let to = step[event.key] && next(cell, step[event.key]);
      const inRow = () => [...cell.parentNode.querySelectorAll("td[data-layer]")];
      if (event.key === "Home") to = inRow()[0];
      if (event.key === "End") to = inRow().pop();
      if (to) { event.preventDefault(); rest(to); to.focus(); }
    });
    table.addEventListener("focusin", (event) => {
      const cell = event.target.closest("td[data-layer]");
      if (!cell) return;
      rest(cell);
      cell.setAttribute("aria-label", lines(cell).join("; "));
      if (cell.matches(":focus-visible")) showTip(cell);
    });
    table.addEventListener("focusout", hideTip);
    table.addEventListener("mouseover", (event) => {
      const cell = event.target.closest("td[data-layer]");
      if (cell) showTip(cell);
    });
    table.addEventListener("mouseleave", hideTip);
    table.addEventListener("click", (event) => {
      const cell = event.target.closest("td[data-layer]");
      if (cell) openCell(cell);
    });
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });

  // #layer=3, or #part=1&layer=3, opens that layer.
  const fromAddress = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    if (asked.has("layer")) open(Number(asked.get("part") || 0), asked.get("layer"), -1, null);
  };
  window.addEventListener("hashchange", fromAddress);
  fromAddress();
})();

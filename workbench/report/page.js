"use strict";
// One study at a time, the detail of a layer beside its map, cells that arrow keys walk through, and tables
// that can be sorted and filtered. The address says what is shown, so that it can be kept and gone back to.
(() => {
  const { kinds, parts } = JSON.parse(document.getElementById("details").textContent);
  const tablesOf = (part, layer) => parts[part].layers[layer].map(([kind, rows]) => ({ ...kinds[kind], rows }));
  const tip = document.getElementById("tip"), panel = document.getElementById("detail");
  const studies = [...document.querySelectorAll("[data-study]")];
  const make = (name, text, attributes = {}) => {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };

  // The numbers of a cell, as lines.
  const lines = (cell) => {
    const { part, layer, row } = cell.dataset;
    const table = tablesOf(part, layer)[0];
    const [aligner, formula, strength, ...numbers] = table.rows[row];
    const found = [parts[part].title, `layer ${layer}: ${aligner}, ${formula}, α = ${strength}`];
    numbers.forEach((number, i) => found.push(`${table.titles[i + 3]}: ${number}`));
    if (cell.classList.contains("best")) found.push("chosen on dev: the patch that is scored on test");
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
  const cellOf = ({ part, layer, row }) =>
    document.querySelector(`td[data-part="${part}"][data-layer="${layer}"]${row === null ? ".best" : `[data-row="${row}"]`}`);
  let opened = null;
  const hideDetail = () => {
    if (!opened) return;
    const cell = opened.cell && opened.cell.checkVisibility() ? opened.cell : null;
    if (cell && panel.contains(document.activeElement)) cell.focus();
    opened = null;
    panel.hidden = true;
    document.documentElement.classList.remove("opened");
    document.querySelectorAll("td.open").forEach((one) => one.classList.remove("open"));
  };
  const showDetail = (asked, cell) => {
    const { title } = parts[asked.part], tables = tablesOf(asked.part, asked.layer);
    const row = asked.row === null ? -1 : Number(asked.row);
    const heading = make("h2", `Layer ${asked.layer} · ${title}`, { tabindex: "-1" });
    const close = make("button", "Close", { type: "button" });
    close.addEventListener("click", () => go(`#part-${asked.part}`));
    const numbers = make("dl");
    const values = tables[0].rows[row] || [];
    values.forEach((value, i) => numbers.append(make("dt", tables[0].titles[i]), make("dd", value)));
    panel.replaceChildren(close, heading, numbers, ...tables.map((table, i) => drawn(table, i ? -1 : row)));
    document.querySelectorAll("td.open").forEach((one) => one.classList.remove("open"));
    if (cell) cell.classList.add("open");
    opened = { cell };
    panel.hidden = false;
    panel.scrollTop = 0;
    document.documentElement.classList.add("opened");
    hideTip();
    heading.focus({ preventScroll: true });
    if (cell) cell.scrollIntoView({ block: "nearest", inline: "nearest" });
  };

  // What the address asks for: #part=1&layer=3, and &row=5 for a cell; or the name of a place on the page.
  let current = 0;
  const select = (study) => {
    current = study;
    studies.forEach((one, i) => one.classList.toggle("shown", i === study));
    document.querySelectorAll("select.study").forEach((one) => { one.value = String(study); });
    document.querySelectorAll(".heat th a").forEach((link) => {
      const here = studies.length > 1 && link.hash === `#part-${study}`;
      if (here) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
      link.closest("tr").classList.toggle("current", here);
    });
  };
  const render = (from = null) => {
    const hash = location.hash.slice(1), asked = new URLSearchParams(hash);
    hideTip();
    if (asked.has("layer")) {
      const wanted = { part: asked.get("part") || "0", layer: asked.get("layer"), row: asked.get("row") };
      const known = Object.hasOwn(parts, wanted.part) && Object.hasOwn(parts[wanted.part].layers, wanted.layer);
      if (!known || !/^\d*$/.test(wanted.row || "")) return hideDetail();
      if (studies.length) select(Number(wanted.part));
      return showDetail(wanted, from || cellOf(wanted));
    }
    hideDetail();
    const place = hash && document.getElementById(hash);
    if (!hash) select(0);
    if (!place) return;
    const study = place.closest("[data-study]");
    if (study) select(studies.indexOf(study));
    for (let box = place.closest("details"); box; box = box.parentNode.closest("details")) box.open = true;
  };
  // Where the address may not change, what it would ask for is shown all the same.
  const go = (hash, from = null) => {
    try { history.pushState(null, "", hash); } catch { location.hash = hash; }
    render(from);
  };
  const openCell = (cell) => {
    const { part, layer, row } = cell.dataset;
    go(`#part=${part}&layer=${layer}&row=${row}`, cell);
  };
  window.addEventListener("popstate", () => render());
  window.addEventListener("hashchange", () => {
    render();
    const place = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (place) place.scrollIntoView();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    hideTip();
    if (opened) go(`#part-${current}`);
  });

  // A choice of the study, in the heading of each.
  if (studies.length > 1) studies.forEach((study, at) => {
    const heading = study.querySelector("h2");
    const choice = make("select", undefined, { class: "study", "aria-label": "Study" });
    studies.forEach((one, i) => choice.append(make("option", one.querySelector("h2").textContent, { value: i })));
    choice.value = String(at);
    choice.addEventListener("change", () => {
      const top = choice.getBoundingClientRect().top;
      go(`#part-${choice.value}`);
      const shown = studies[choice.value].querySelector("select");
      shown.focus({ preventScroll: true });
      window.scrollBy(0, shown.getBoundingClientRect().top - top);
    });
    const bar = make("div", undefined, { class: "chooser" });
    heading.before(bar);
    bar.append(heading, choice);
  });

  // One stop for the tab key in each heatmap; arrows go from cell to cell.
  document.querySelectorAll("table.heat").forEach((table) => {
    table.setAttribute("role", "grid");
    const cells = [...table.querySelectorAll("td[data-layer]")];
    if (!cells.length) return;
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
      if (cell) showTip(cell); else hideTip();
    });
    table.addEventListener("mouseleave", hideTip);
    table.addEventListener("click", (event) => {
      const cell = event.target.closest("td[data-layer]");
      if (cell) openCell(cell);
    });
  });

  // Items: heads that sort, and filters by kind of change and by words.
  document.querySelectorAll(".changed").forEach((box) => {
    const table = box.querySelector("table"), body = table.tBodies[0], rows = [...body.rows];
    const value = (row, at) => {
      const text = row.cells[at].textContent;
      const number = Number(text.replace("−", "-"));
      return text === "" || Number.isNaN(number) ? text : number;
    };
    const order = (one, other) =>
      typeof one === "number" && typeof other === "number" ? one - other : String(one).localeCompare(String(other), undefined, { numeric: true });
    [...table.tHead.rows[0].cells].forEach((head, at) => {
      const button = make("button", head.textContent, { type: "button" });
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        rows.sort((a, b) => order(value(a, at), value(b, at)) * (down ? -1 : 1));
        body.append(...rows);
      });
    });
    const kinds = [...new Set(rows.map((row) => row.cells[1].textContent))];
    const kind = make("select", undefined, { "aria-label": "Kind of change" });
    ["all", ...kinds].forEach((name) => kind.append(make("option", name, { value: name })));
    const asked = make("input", undefined, { type: "search", placeholder: "Filter by words", "aria-label": "Filter by words" });
    const told = make("span", undefined, { role: "status" });
    const filter = () => {
      const words = asked.value.toLowerCase();
      rows.forEach((row) => {
        const fits = kind.value === "all" || row.cells[1].textContent === kind.value;
        row.hidden = !(fits && row.textContent.toLowerCase().includes(words));
      });
      told.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} items`;
    };
    kind.addEventListener("change", filter);
    asked.addEventListener("input", filter);
    const tools = make("div", undefined, { class: "tools" });
    tools.append(kind, asked, told);
    box.prepend(tools);
    filter();
  });

  // On paper everything is open.
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((one) => { one.open = true; });
  });
  window.addEventListener("afterprint", () => closed.forEach((one) => { one.open = false; }));

  select(0);
  render();
})();

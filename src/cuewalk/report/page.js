"use strict";
// What moves on the page: theme, plots, sorting of tables, the gallery. It fetches nothing.

const root = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");
const read = (name) => getComputedStyle(root).getPropertyValue(name).trim();

// ---- theme: the system's, or the one chosen by the button

function showTheme(chosen) {
  root.dataset.theme = chosen || (dark.matches ? "dark" : "light");
  if (window.vegaEmbed) drawPlots();
}
dark.addEventListener("change", () => showTheme());
document.querySelector("#theme").addEventListener("click", () =>
  showTheme(root.dataset.theme === "dark" ? "light" : "dark"));

// ---- plots: specifications without colours, drawn in those of the theme

const PALETTES = {
  sources: ["--cue", "--crf", "--walk"],
  methods: ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7"],
  graph: ["--accent"],
};

function plotConfig(palette) {
  const [ink, soft, line] = ["--ink", "--soft", "--line"].map(read);
  const colours = PALETTES[palette].map(read);
  return {
    background: "transparent",
    font: getComputedStyle(document.body).fontFamily,
    view: { stroke: null },
    axis: { labelColor: soft, titleColor: soft, gridColor: line, domainColor: line, tickColor: line,
            titleFontWeight: "normal", labelFontSize: 11, titleFontSize: 11.5 },
    legend: { labelColor: ink, titleColor: soft, orient: "top", direction: "horizontal", columns: 3,
              titleFontWeight: "normal", labelFontSize: 11.5, symbolStrokeWidth: 2 },
    range: { category: colours, ordinal: colours },
    mark: { color: colours[0] },
    rule: { color: ink },
    text: { color: ink },
  };
}

function drawPlots() {
  const theme = root.dataset.theme;
  for (const place of document.querySelectorAll(".plot")) {
    const spec = JSON.parse(document.getElementById(place.dataset.spec).textContent);
    vegaEmbed(place, spec, {
      renderer: "svg",
      config: plotConfig(spec.usermeta.palette),
      actions: { export: true, source: false, compiled: false, editor: false },
      tooltip: { theme },
    });
  }
}

// ---- tables: a click on a column's head sorts by it

function sortBy(table, head, index) {
  const falling = head.ariaSort ? head.ariaSort === "ascending" : head.classList.contains("n");
  for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", falling ? "descending" : "ascending");
  const value = (row) => row.children[index].dataset.value ?? row.children[index].textContent.trim();
  const numeric = head.classList.contains("n");
  const order = (a, b) => {
    if (!numeric) return value(a).localeCompare(value(b)) * (falling ? -1 : 1);
    const [x, y] = [a, b].map((row) => (value(row) === "" ? NaN : Number(value(row))));
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
    return (x - y) * (falling ? -1 : 1);
  };
  table.tBodies[0].append(...[...table.tBodies[0].rows].sort(order));
}

for (const table of document.querySelectorAll("table[data-sortable]"))
  [...table.tHead.rows[0].cells].forEach((head, index) => {
    head.tabIndex = 0;
    head.addEventListener("click", () => sortBy(table, head, index));
    head.addEventListener("keydown", (event) => event.key === "Enter" && head.click());
  });

// ---- gallery: filter, order, and the panel of one photograph

const gallery = document.querySelector(".photographs");

const allCards = () => [...gallery.querySelectorAll("button")];
const shownCards = () => allCards().filter((card) => !card.hidden);

function arrange() {
  const wanted = document.querySelector("#filter").value;
  const [key, direction] = document.querySelector("#order").value.split(" ");
  const cards = allCards();
  for (const card of cards)
    card.hidden = wanted !== "" && !JSON.parse(card.dataset.labels).includes(wanted);
  const number = (card) => (card.dataset[key] === "" ? NaN : Number(card.dataset[key]));
  cards.sort((a, b) => {
    if (key === "id") return a.dataset.id.localeCompare(b.dataset.id);
    const [x, y] = [number(a), number(b)];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
    return direction === "down" ? y - x : x - y;
  });
  gallery.append(...cards);
  document.querySelector("#shown").textContent = `${shownCards().length} of ${cards.length} photographs`;
}

function openPanel(card) {
  const dialog = document.querySelector("#panel");
  const inside = dialog.querySelector(".inside");
  inside.replaceChildren(document.getElementById(card.dataset.panel).content.cloneNode(true));
  dialog.querySelector("h3").textContent = card.dataset.id;
  dialog.querySelector("header span").textContent = card.querySelector("span").textContent;
  dialog.dataset.card = card.id;
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

function step(by) {
  const cards = shownCards();
  const at = cards.findIndex((card) => card.id === document.querySelector("#panel").dataset.card);
  openPanel(cards[(at + by + cards.length) % cards.length]);
}

if (gallery) {
  const dialog = document.querySelector("#panel");
  for (const name of ["#filter", "#order"]) document.querySelector(name).addEventListener("change", arrange);
  gallery.addEventListener("click", (event) => {
    const card = event.target.closest("button");
    if (card) openPanel(card);
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("#close")) dialog.close();
    else if (event.target.closest("#previous")) step(-1);
    else if (event.target.closest("#next")) step(1);
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  arrange();
}

showTheme();

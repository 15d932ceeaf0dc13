// The page is complete without this. Here: times in the zone of whoever looks, the board as it
// changes, and charts beside their tables.
"use strict";

(() => {
  const LEAST_MS = 1000;
  const full = new Intl.DateTimeFormat(undefined, {
    weekday: "short", day: "2-digit", month: "short", year: "numeric",
    hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "shortOffset",
  });

  // --- times: local, with the offset, so that an hour that comes twice is told apart -------------

  function localise(root) {
    for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      time.title = time.title || time.textContent.trim();
      time.textContent = full.format(at);
      time.dataset.local = "";
    }
  }

  // --- live: what is shown is asked for again once something has become known --------------------

  function follow(main) {
    let asked = 0;
    let waiting = 0;
    const status = document.getElementById("live");
    const ask = () => {
      waiting = 0;
      asked = Date.now();
      htmx.trigger(document.body, "tierline-changed");
    };
    const soon = () => {
      if (!waiting && !document.hidden) {
        waiting = setTimeout(ask, Math.max(0, asked + LEAST_MS - Date.now()));
      }
    };
    const source = new EventSource("/v1/stream");
    for (const kind of ["event", "decision", "delivery", "anew"]) source.addEventListener(kind, soon);
    source.addEventListener("place", (event) => {
      if (status) status.textContent = "Live";
      // What became known after the page was made and before this began is told by nobody.
      if (event.lastEventId !== document.getElementById("main").dataset.place) soon();
    });
    source.onerror = () => { if (status) status.textContent = "Connecting again"; };
    document.addEventListener("visibilitychange", soon);
    // What is due draws nearer though nothing happens.
    setInterval(soon, 15000);
    addEventListener("pagehide", () => source.close());
  }

  // --- charts: each beside a table that says the same ---------------------------------------------

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function draw(figure) {
    const rows = [...figure.querySelectorAll("tbody tr")];
    const heads = [...figure.querySelectorAll("thead th")].slice(1);
    const number = (cell) => (cell.dataset.value === undefined ? null : Number(cell.dataset.value));
    const data = [
      rows.map((row) => Date.parse(row.querySelector("time").dateTime) / 1000),
      ...heads.map((_, n) => rows.map((row) => number(row.cells[n + 1]))),
    ];
    const palette = ["--decision", "--overdue", "--good", "--soon"].map(colour);
    const dashes = [[], [8, 4], [2, 3], [8, 3, 2, 3]];
    const target = figure.querySelector(".plot");
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line") } };
    const plot = new uPlot({
      width: target.clientWidth, height: 220,
      scales: { x: { time: true } },
      axes: [axis, { ...axis, size: 56 }],
      series: [{}, ...heads.map((head, n) => ({
        label: head.textContent, stroke: palette[n % 4], width: 2, dash: dashes[n % 4],
        spanGaps: true, points: { show: rows.length < 40 },
      }))],
    }, data, target);
    new ResizeObserver(() => plot.setSize({ width: target.clientWidth, height: 220 })).observe(target);
  }

  // --- keys: / searches, b is the board, ? lists them ---------------------------------------------

  function keys(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select")) return;
    const places = { b: "/", g: "/groups", c: "/charts", p: "/policy" };
    if (event.key === "/") {
      event.preventDefault();
      document.getElementById("q").focus();
    } else if (event.key in places) {
      location.assign(places[event.key]);
    } else if (event.key === "?") {
      const help = document.getElementById("keys");
      help.open = !help.open;
      help.querySelector("summary").focus();
    }
  }

  const main = document.getElementById("main");
  localise(document);
  new MutationObserver(() => localise(main.parentNode)).observe(main.parentNode, {
    childList: true, subtree: true, characterData: true,
  });
  if (main.hasAttribute("hx-get")) follow(main);
  for (const figure of document.querySelectorAll("figure.chart")) draw(figure);
  document.addEventListener("keydown", keys);
})();

// The page is complete without this. It unfolds what a link leads into and prints what is folded; it lets tables
// be sorted and filtered, and leads from a number to its rows and back.
(() => {
  "use strict";
  const all = (what, where = document) => [...where.querySelectorAll(what)];
  const make = (tag, set, ...inside) => {
    const element = Object.assign(document.createElement(tag), set);
    element.append(...inside);
    return element;
  };

  let shut = [];
  addEventListener("beforeprint", () => {
    shut = all("details").filter((d) => !d.open);
    shut.forEach((d) => { d.open = true; });
  });
  addEventListener("afterprint", () => shut.forEach((d) => { d.open = false; }));

  // numbers as the page writes them: thin spaces in thousands, a true minus, an en dash where there is none
  const readNumber = (text) => {
    const plain = text.replace(/[\u2009\u202f\u00a0]/g, "").replace(/\u2212/g, "-").replace(/\u00b7/g, ".");
    const found = plain.match(/-?(\d+(\.\d+)?|\.\d+)(e[-+]?\d+)?/i);
    return found ? Number(found[0]) : NaN;
  };
  const words = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  const compare = (a, b, numeric) => {
    if (!numeric) return words.compare(a, b);
    const x = readNumber(a), y = readNumber(b);
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
    return x - y;
  };

  const sortable = (table) => {
    const body = table.tBodies[0];
    const given = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, place) => {
      if (!head.textContent.trim()) return;
      const button = make("button", { type: "button", className: "sort" }, ...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const next = { "": "ascending", ascending: "descending", descending: "" }[head.ariaSort || ""];
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        if (next) head.setAttribute("aria-sort", next);
        const numeric = head.matches(".num, .right");
        const text = (row) => row.cells[place].textContent.trim();
        const sign = next === "descending" ? -1 : 1;
        const missing = (row) => numeric && Number.isNaN(readNumber(text(row)));
        // rows that sum up stay below, rows without a number before them, in either direction
        const rank = (row) => row.matches(".strong") * 2 + missing(row);
        const order = next
          ? [...given].sort((a, b) => rank(a) - rank(b) || sign * compare(text(a), text(b), numeric))
          : given;
        body.append(...order);
      });
    });
  };

  const FEWEST_TO_FILTER = 8;
  const filterable = (table, box) => {
    const rows = [...table.tBodies[0].rows];
    if (rows.length < FEWEST_TO_FILTER) return;
    const field = make("input", { type: "search", autocomplete: "off", spellcheck: false });
    const told = make("output", {});
    const caption = table.caption.textContent;
    field.setAttribute("aria-label", `Rows of “${caption}” that hold`);
    field.addEventListener("input", () => {
      const wanted = field.value.trim().toLocaleLowerCase("en").split(/\s+/);
      rows.forEach((row) => {
        const text = row.textContent.toLocaleLowerCase("en");
        row.hidden = !wanted.every((word) => text.includes(word));
      });
      const shown = rows.filter((row) => !row.hidden).length;
      told.value = field.value.trim() ? `${shown} of ${rows.length} rows` : "";
    });
    box.before(make("p", { className: "filter" }, make("span", {}, "Filter "), field, told));
  };

  all(".scroll > table:not(.list)").forEach((table) => {
    if (table.tBodies[0].rows.length > 1) sortable(table);
    filterable(table, table.parentElement);
  });

  // from a number to its rows, and back
  let origin = null;
  const back = make("button", { type: "button", className: "back" }, "Back to the number");
  const leave = () => back.remove();
  back.addEventListener("click", () => {
    leave();
    origin.closest("details")?.setAttribute("open", "");
    origin.focus();
    origin.scrollIntoView({ block: "center" });
  });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && back.isConnected) back.click();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.n");
    if (link) origin = link;
    else if (event.target.closest("a[href^='#']")) origin = null;
  });

  const arrive = () => {
    leave();
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    const fold = target.closest("details") || target.querySelector(":scope > details.lead");
    if (fold) fold.open = true;
    target.hidden = false;
    target.scrollIntoView();
    if (!origin) return;
    (target.querySelector("th, h2, h3, caption") || target).append(back);
    back.focus({ preventScroll: true });
  };
  addEventListener("hashchange", arrive);
  // the same number twice: the address does not change, so nothing else tells of it
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.n");
    if (link && link.getAttribute("href") === location.hash) arrive();
  });
  arrive();
})();

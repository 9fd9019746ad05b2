"use strict";
/* Reveals, zooms, moves focus and shows tips. Everything is on the page without it. */
(() => {
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  root.classList.add("js");

  /* Light and dark: the system's until the button is used; forgotten with the page. */
  const theme = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  const nameTheme = () => { theme.textContent = dark() ? "Light" : "Dark"; };
  theme.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; nameTheme(); });
  system.addEventListener("change", nameTheme);
  nameTheme();

  /* One window at a time. */
  const range = document.getElementById("window-range");
  const windows = all(".window").map((element) => element.dataset.window);
  const select = (position) => {
    if (!range) return;
    const at = Math.max(0, Math.min(windows.length - 1, position));
    range.value = at;
    range.setAttribute("aria-valuetext", "Window " + windows[at]);
    all("output[for=window-range]").forEach((output) => { output.textContent = "Window " + windows[at]; });
    all(".window, .zoom").forEach((element) => { element.hidden = element.dataset.window !== windows[at]; });
  };
  if (range) {
    range.addEventListener("input", () => select(Number(range.value)));
    all("[data-step]").forEach((button) => {
      button.addEventListener("click", () => select(Number(range.value) + Number(button.dataset.step)));
    });
    select(0);
  }
  const switchable = (name, section) => all(`input[name=${name}]`).forEach((radio) => {
    const apply = () => { if (radio.checked) document.getElementById(section).className = "show-" + radio.value; };
    radio.addEventListener("change", apply);
    apply();
  });
  switchable("mode", "package");
  switchable("zoom", "time");

  /* Tips: the row of a drawing's part, or the exact figure and what it is. */
  const tip = document.getElementById("tip");
  const make = (name, text, className) => {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    if (className) element.className = className;
    return element;
  };
  const explain = (key) => {
    const entry = document.getElementById("term-" + key.replace(/ /g, "-"));
    if (!entry) return [];
    const text = make("p", entry.querySelector("dd").textContent, "hint");
    const label = entry.querySelector("dt").firstChild.textContent.trim();
    return [label, text];
  };
  const file = document.querySelector("main").dataset.file || "schedule.json";
  const ofFigure = (figure) => {
    const [label, text] = explain(figure.dataset.term || "");
    const parts = [];
    if (label) parts.push(make("b", label));
    parts.push(make("p", figure.value, "exact"));
    if (text) parts.push(text);
    const source = make("p", undefined, "hint");
    if (figure.dataset.at) source.append(file + " ", make("code", figure.dataset.at));
    else if (figure.dataset.from) {
      const from = figure.dataset.from.split(" ");
      source.append("computed from ", make("code", from.slice(0, 4).join(" ") + (from.length > 4 ? " …" : "")));
    }
    parts.push(source);
    return parts;
  };
  const ofHeading = (heading) => {
    const [label, text] = explain(heading.dataset.term);
    return label ? [make("b", label), text] : [];
  };
  const ofItem = (item) => {
    const parts = [make("b", item.getAttribute("aria-label"))];
    const row = item.dataset.row && document.getElementById(item.dataset.row);
    if (row) {
      const list = make("dl");
      const headings = all("thead th", row.closest("table"));
      [...row.children].forEach((cell, index) => {
        const name = headings[index] ? headings[index].textContent.trim() : "";
        if (!name || name === "window" || cell.textContent.trim() === "") return;
        const value = make("dd");
        value.append(...[...cell.cloneNode(true).childNodes].filter((node) => node.nodeName !== "svg"));
        const exact = all("data", cell).map((figure) => figure.value).filter((text) => /^-?\d*[.e]/.test(text));
        list.append(make("dt", name), value, make("dd", exact.join(", "), "hint"));
      });
      parts.push(list);
    }
    const strips = all("[data-label]", item);
    if (strips.length) {
      const list = make("dl");
      strips.forEach(({ dataset }) => {
        list.append(make("dt", dataset.label), make("dd", dataset.text), make("dd", dataset.value, "hint"));
      });
      parts.push(make("p", "Transfers of the first micro-batch", "hint"), list);
    }
    return parts;
  };
  const contents = (target) => {
    if (target.matches("data")) return ofFigure(target);
    if (target.matches("th[data-term]")) return ofHeading(target);
    return ofItem(target);
  };
  const tipped = "data, th[data-term], .item[aria-label]";
  let shown = null;
  const hide = () => {
    if (shown) shown.removeAttribute("aria-describedby");
    shown = null;
    tip.hidden = true;
  };
  const show = (target, x, y) => {
    if (target !== shown) {
      hide();
      const parts = contents(target);
      if (!parts.length) return;
      tip.replaceChildren(...parts);
      target.setAttribute("aria-describedby", "tip");
      shown = target;
      tip.hidden = false;
    }
    const box = tip.getBoundingClientRect();
    const left = Math.max(8, Math.min(x + 14, innerWidth - box.width - 8));
    const below = y + 18 + box.height < innerHeight;
    tip.style.left = left + "px";
    tip.style.top = (below ? y + 18 : Math.max(8, y - box.height - 12)) + "px";
  };
  let pointer = null;
  const underPointer = () => {
    const element = pointer && document.elementFromPoint(...pointer);
    const target = element && element.closest(tipped);
    if (target) show(target, ...pointer);
    else if (shown && shown !== document.activeElement) hide();
  };
  document.addEventListener("pointermove", (event) => { pointer = [event.clientX, event.clientY]; underPointer(); });
  document.addEventListener("scroll", underPointer, true);
  document.addEventListener("focusin", (event) => {
    if (!event.target.matches(tipped)) { hide(); return; }
    const box = event.target.getBoundingClientRect();
    show(event.target, box.left + Math.min(box.width, 60) / 2, Math.min(box.bottom, innerHeight - 40) - 12);
  });
  document.addEventListener("focusout", hide);

  /* One stop of the Tab key a drawing or table; arrow keys go to the nearest part in their direction. */
  const groups = [["svg[role=group]", ".item"], ["table, .totals", "data"]];
  const parts = (group, selector) => all(selector, group).filter((part) => part.getClientRects().length);
  groups.forEach(([outer, inner]) => all(outer).forEach((group) => {
    const first = group.querySelector(".chiplet") || group.querySelector(inner);
    if (first) first.setAttribute("tabindex", "0");
  }));
  all("p data, li data, dd data, h3 data").forEach((figure) => {
    if (!figure.closest(".totals")) figure.setAttribute("tabindex", "0");
  });
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const nearest = (from, candidates, [dx, dy]) => {
    const middle = (element) => {
      const box = element.getBoundingClientRect();
      return [box.left + box.width / 2, box.top + box.height / 2];
    };
    const [x, y] = middle(from);
    let best = null;
    let least = Infinity;
    candidates.forEach((candidate) => {
      if (candidate === from) return;
      const [cx, cy] = middle(candidate);
      const along = (cx - x) * dx + (cy - y) * dy;
      const aside = Math.abs((cx - x) * dy) + Math.abs((cy - y) * dx);
      const distance = along + 2.5 * aside;
      if (along > 1 && distance < least) { best = candidate; least = distance; }
    });
    return best;
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { hide(); return; }
    const from = document.activeElement;
    if (!from || !from.matches(".item, data")) return;
    const [outer, inner] = from.matches("data") ? groups[1] : groups[0];
    const group = from.closest(outer);
    if (group && arrows[event.key]) {
      const next = nearest(from, parts(group, inner), arrows[event.key]);
      event.preventDefault();
      if (!next) return;
      from.setAttribute("tabindex", "-1");
      next.setAttribute("tabindex", "0");
      next.focus();
    } else if (event.key === "Enter") {
      const link = from.closest("a");
      if (link) location.href = link.getAttribute("href");
      else choose(from);
    }
  });

  /* A click on a heading sorts its table; a second one turns the order. Rows without a value stay last. */
  all("table.sortable").forEach((table) => {
    const headings = all("thead th", table);
    const value = (row, column) => {
      const figure = row.cells[column].querySelector("data");
      return figure ? JSON.parse(figure.value) : row.cells[column].textContent.trim() || null;
    };
    const comparable = (one, other) => typeof one === "number" && typeof other === "number";
    const compare = (one, other) => comparable(one, other)
      ? one - other : String(one).localeCompare(String(other), "en", {numeric: true});
    const sort = (column, sign) => {
      const rows = [...table.tBodies[0].rows].map((row) => [value(row, column), row]);
      rows.sort(([one], [other]) => (one === null) - (other === null) || sign * compare(one, other));
      table.tBodies[0].append(...rows.map(([, row]) => row));
    };
    headings.forEach((heading, column) => {
      const button = make("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const down = heading.getAttribute("aria-sort") === "ascending";
        headings.forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", down ? "descending" : "ascending");
        sort(column, down ? -1 : 1);
      });
    });
  });

  /* A window chosen in the timeline is the one that the package shows. */
  const choose = (item) => {
    const found = (item.dataset.row || "").match(/^window-(\d+)$/);
    if (found) select(windows.indexOf(found[1]));
  };
  document.addEventListener("click", (event) => {
    const item = event.target.closest(".item");
    if (item) choose(item);
  });
})();

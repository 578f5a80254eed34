// The command palette: pages at once, everything else from the server while one types.
const dialog = document.getElementById("palette");
const WAIT_MS = 120;

if (dialog) {
  const { places, find } = JSON.parse(document.getElementById("palette-places").textContent);
  const input = dialog.querySelector("input");
  const list = dialog.querySelector("[role=listbox]");
  let found = [];
  let chosen = 0;
  let timer = 0;
  let asked = null;

  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-palette]")) return;
    input.value = "";
    found = [];
    dialog.showModal();
    draw();
  });

  input.addEventListener("input", () => {
    clearTimeout(timer);
    asked?.abort();
    found = [];
    chosen = 0;
    draw();
    if (input.value.trim()) timer = setTimeout(ask, WAIT_MS);
  });

  async function ask() {
    asked = new AbortController();
    const text = input.value.trim();
    try {
      const response = await fetch(`${find}?q=${encodeURIComponent(text)}`, { signal: asked.signal, headers: { Accept: "application/json" } });
      if (!response.ok || response.redirected) throw new Error(`the search answered ${response.status}`);
      found = (await response.json()).found;
    } catch (error) {
      if (error.name === "AbortError") return;
      list.replaceChildren(note("Search is not available right now. Pages still open."));
      throw error;
    }
    draw();
  }

  function matching() {
    const text = input.value.trim().toLowerCase();
    // Names that begin with what was typed come before names that only contain it.
    const rank = (place) => place.label.toLowerCase().indexOf(text);
    const pages = places.filter((place) => rank(place) >= 0).sort((a, b) => Math.min(rank(a), 1) - Math.min(rank(b), 1));
    return [...found.map((each) => ({ ...each, group: "Found" })), ...pages.map((each) => ({ ...each, group: "Pages" }))];
  }

  function draw() {
    const entries = matching();
    if (!entries.length) {
      list.replaceChildren(note("Nothing by that name. Ids look like dec_01k…"));
      input.removeAttribute("aria-activedescendant");
      return;
    }
    chosen = Math.min(chosen, entries.length - 1);
    const parts = [];
    entries.forEach((entry, index) => {
      if (entry.group !== entries[index - 1]?.group) parts.push(heading(entry.group));
      parts.push(option(entry, index));
    });
    list.replaceChildren(...parts);
    const current = list.querySelector("[aria-selected=true]");
    input.setAttribute("aria-activedescendant", current.id);
    current.scrollIntoView({ block: "nearest" });
  }

  const note = (text) => Object.assign(document.createElement("div"), { className: "palette-none", textContent: text });

  function heading(text) {
    const element = Object.assign(document.createElement("div"), { className: "palette-group", textContent: text });
    element.setAttribute("role", "presentation");
    return element;
  }

  function option(entry, index) {
    const element = Object.assign(document.createElement("div"), { id: `palette-${index}` });
    element.setAttribute("role", "option");
    element.setAttribute("aria-selected", String(index === chosen));
    element.append(Object.assign(document.createElement("span"), { className: "truncate", textContent: entry.label }));
    element.append(Object.assign(document.createElement("span"), { className: "note", textContent: entry.key ? entry.key.toUpperCase() : entry.note }));
    element.addEventListener("click", () => location.assign(entry.url));
    element.addEventListener("mousemove", () => {
      if (chosen === index) return;
      chosen = index;
      draw();
    });
    return element;
  }

  input.addEventListener("keydown", (event) => {
    const entries = matching();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && entries.length) {
      event.preventDefault();
      chosen = (chosen + step + entries.length) % entries.length;
      draw();
    } else if (event.key === "Enter" && entries[chosen]) {
      event.preventDefault();
      location.assign(entries[chosen].url);
    }
  });
}

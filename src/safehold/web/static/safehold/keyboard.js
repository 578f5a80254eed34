// Keys are declared in the markup: data-key="a" on a button, link or input presses (or focuses) it; "g q" is one key
// after the other; "mod+enter" means Ctrl or Cmd with it and works inside fields too. `data-key-label` and
// `data-key-group` say what it is called on the sheet that `?` opens.
const SEQUENCE_MS = 1200;
const SINGLE_KEYS = "safehold:single-keys";
let typed = { key: "", at: -Infinity };

const isField = (element) =>
  element.isContentEditable || element.matches("textarea, select, input:not([type=checkbox], [type=radio], [type=button], [type=submit])");

const isVisible = (element) => element.checkVisibility?.({ visibilityProperty: true }) ?? element.offsetParent !== null;

function nameOf(event) {
  const key = event.key === " " ? "space" : event.key.length === 1 ? event.key : event.key.toLowerCase();
  return event.ctrlKey || event.metaKey ? `mod+${key.toLowerCase()}` : key;
}

// An open dialog is a world of its own: only what is inside it can be pressed.
const scope = () => [...document.querySelectorAll("dialog[open]")].at(-1) ?? document;

function bound(keys) {
  const found = [...scope().querySelectorAll(`[data-key="${CSS.escape(keys)}"]`)];
  const usable = found.filter((element) => !element.disabled && element.getAttribute("aria-disabled") !== "true");
  // What is in a closed menu or drawer can still be pressed by its key; what is seen comes first.
  return usable.find(isVisible) ?? usable[0];
}

function press(element) {
  if (isField(element)) {
    element.focus();
    element.select?.();
    return;
  }
  if (element.type === "radio") element.focus({ preventScroll: true });
  element.click();
}

export function singleKeysAreOn() {
  return localStorage.getItem(SINGLE_KEYS) !== "off";
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.altKey || event.isComposing) return;
  const name = nameOf(event);
  const combined = name.startsWith("mod+");
  if (!combined && (isField(event.target) || !singleKeysAreOn())) return;
  // Enter and Space belong to whatever has the focus.
  if ((name === "enter" || name === "space") && event.target.closest("a, button, summary, input, select")) return;

  // When they were pressed, not when a busy page came to hear of it.
  const sequence = event.timeStamp - typed.at < SEQUENCE_MS ? `${typed.key} ${name}` : "";
  const element = (sequence && bound(sequence)) || bound(name);
  typed = element ? { key: "", at: -Infinity } : { key: name, at: event.timeStamp };
  if (!element || event.repeat) return;
  event.preventDefault();
  press(element);
});

// The sheet is made from what this page declares, so it can't be out of date.
function fillSheet(sheet) {
  const groups = new Map();
  for (const element of document.querySelectorAll("[data-key]")) {
    if (element.disabled) continue;
    const label = element.dataset.keyLabel || element.getAttribute("aria-label") || element.textContent.trim();
    const group = element.dataset.keyGroup || "On this page";
    if (!groups.has(group)) groups.set(group, new Map());
    groups.get(group).set(element.dataset.key, label);
  }
  if (document.querySelector("[data-rows]")) {
    groups.set("Lists", new Map([["j", "Next row"], ["k", "Row before"], ["enter", "Open the row"], ["x", "Select the row"]]));
  }
  sheet.replaceChildren(...[...groups].map(([group, keys]) => sectionOf(group, keys)));
}

function sectionOf(title, keys) {
  const section = document.createElement("section");
  const heading = Object.assign(document.createElement("h3"), { textContent: title });
  const list = Object.assign(document.createElement("ul"), { className: "shortcut-list" });
  for (const [key, label] of keys) {
    const item = document.createElement("li");
    const names = document.createElement("span");
    names.className = "keys";
    for (const part of key.split(/[ +]/)) {
      names.append(Object.assign(document.createElement("kbd"), { textContent: shown(part) }));
    }
    item.append(Object.assign(document.createElement("span"), { textContent: label }), names);
    list.append(item);
  }
  section.append(heading, list);
  return section;
}

const isMac = /Mac|iPhone|iPad/.test(navigator.platform);

function shown(part) {
  const names = { mod: isMac ? "⌘" : "Ctrl", enter: "↵", space: "Space", escape: "Esc" };
  return names[part] ?? (part.length === 1 ? part.toUpperCase() : part);
}

const dialog = document.getElementById("shortcuts");
if (dialog) {
  const single = document.getElementById("single-keys");
  single.checked = singleKeysAreOn();
  single.addEventListener("change", () => localStorage.setItem(SINGLE_KEYS, single.checked ? "on" : "off"));
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-shortcuts]")) return;
    fillSheet(dialog.querySelector(".shortcuts"));
    dialog.showModal();
  });
}
if (isMac) {
  for (const key of document.querySelectorAll("kbd")) if (key.textContent === "Ctrl") key.textContent = "⌘";
}

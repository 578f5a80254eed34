// Lists: j and k move the focus from row to row (so Enter opens and screen readers follow), x selects, a click anywhere
// on a row opens its link.
import { singleKeysAreOn } from "./keyboard.js";

const linkOf = (row) => row.querySelector("a.row-link, a[href]");

function move(step) {
  const rows = [...document.querySelectorAll("[data-rows] [data-row]")];
  if (!rows.length) return false;
  const here = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[here < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(here + step, 0), rows.length - 1)];
  linkOf(next)?.focus();
  next.scrollIntoView({ block: "nearest" });
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !singleKeysAreOn()) return;
  if (event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select, dialog[open], [contenteditable]")) return;
  const step = { j: 1, k: -1 }[event.key];
  if (step && move(step)) event.preventDefault();
  if (event.key === "x") document.activeElement.closest("[data-row]")?.querySelector("input[type=checkbox]")?.click();
});

function open(event) {
  const row = event.target.closest("[data-rows] [data-row]");
  if (!row || event.defaultPrevented || event.target.closest("a, button, input, label, summary, details, select")) return;
  if (!getSelection().isCollapsed) return;
  const link = linkOf(row);
  if (!link) return;
  if (event.type === "auxclick" || event.ctrlKey || event.metaKey) {
    if (event.button <= 1) window.open(link.href, "_blank", "noopener");
  } else {
    link.click();
  }
}

document.addEventListener("click", open);
document.addEventListener("auxclick", (event) => event.button === 1 && open(event));

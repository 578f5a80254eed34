// Menus are <details>. Here they learn to close again: on Escape, on a press elsewhere, when the focus leaves; and the
// arrow keys walk their items.
const openMenus = () => [...document.querySelectorAll("details.menu[open]")];

function close(menu, giveBack) {
  menu.open = false;
  if (giveBack) menu.querySelector("summary").focus();
}

document.addEventListener("click", (event) => {
  for (const menu of openMenus()) if (!menu.contains(event.target)) close(menu, false);
  const item = event.target.closest("details.menu[open] [data-shortcuts], details.menu[open] [data-dialog]");
  if (item) close(item.closest("details.menu"), false);
});

document.addEventListener("focusin", (event) => {
  for (const menu of openMenus()) if (!menu.contains(event.target)) close(menu, false);
});

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("details.menu[open]");
  if (!menu) return;
  if (event.key === "Escape") {
    event.preventDefault();
    close(menu, true);
    return;
  }
  const items = [...menu.querySelectorAll(".menu-item")];
  const here = items.indexOf(document.activeElement);
  const next = { ArrowDown: here + 1, ArrowUp: here < 0 ? items.length - 1 : here - 1, Home: 0, End: items.length - 1 }[event.key];
  if (next === undefined || !items.length) return;
  event.preventDefault();
  items[(next + items.length) % items.length].focus();
});

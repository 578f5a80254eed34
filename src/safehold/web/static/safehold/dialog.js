// data-dialog="id" opens a <dialog>, data-close closes the one around it, and so does a press beside it.
// data-drawer opens and closes the sidebar on phones (without scripts, `#sidebar` in the address does).
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) {
    event.preventDefault();
    document.getElementById(opener.dataset.dialog).showModal();
    return;
  }
  if (event.target.closest("[data-close]")) event.target.closest("dialog").close();
  if (event.target instanceof HTMLDialogElement && isOutside(event)) event.target.close();

  const drawer = event.target.closest("[data-drawer]");
  if (drawer) {
    event.preventDefault();
    setDrawer(drawer.dataset.drawer === "open");
  }
});

function isOutside(event) {
  const box = event.target.getBoundingClientRect();
  return event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
}

function setDrawer(open) {
  const sidebar = document.getElementById("sidebar");
  sidebar.classList.toggle("is-open", open);
  if (location.hash === "#sidebar") history.replaceState(null, "", location.pathname + location.search);
  const target = open ? sidebar.querySelector("[data-drawer=close]") : document.querySelector("[data-drawer=open]");
  target?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.querySelector(".sidebar.is-open")) setDrawer(false);
});

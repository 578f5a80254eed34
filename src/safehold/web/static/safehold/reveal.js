// Text that may hurt. The switch works without this; here the blurred text is also kept from screen readers, from the
// keyboard and from the clipboard, and the choice is remembered for this item in this tab.
const keyOf = (box) => `safehold:reveal:${location.pathname}:${box.dataset.reveal}`;

function apply(box) {
  const shown = box.querySelector(".harm-toggle").checked;
  box.querySelector(".harm-text").inert = !shown;
}

function prepare(root) {
  for (const box of root.querySelectorAll("[data-reveal]")) {
    const toggle = box.querySelector(".harm-toggle");
    if (sessionStorage.getItem(keyOf(box)) === "shown") toggle.checked = true;
    apply(box);
  }
}

document.addEventListener("change", (event) => {
  if (!event.target.matches(".harm-toggle")) return;
  const box = event.target.closest("[data-reveal]");
  if (event.target.checked) sessionStorage.setItem(keyOf(box), "shown");
  else sessionStorage.removeItem(keyOf(box));
  apply(box);
  box.dispatchEvent(new CustomEvent("safehold:reveal", { bubbles: true, detail: { shown: event.target.checked } }));
});

document.addEventListener("htmx:load", (event) => prepare(event.target));
prepare(document);

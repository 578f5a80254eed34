// data-copy="text": copies it, and says so.
import { say } from "./toast.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  event.preventDefault();
  await navigator.clipboard.writeText(button.dataset.copy);
  button.classList.add("is-done");
  say("Copied");
  setTimeout(() => button.classList.remove("is-done"), 1500);
});

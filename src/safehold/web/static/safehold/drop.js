// data-drop on a form with data-upload: a file that is dropped anywhere on the page is its file, and is sent. Who has no mouse
// chooses the file in the form, or goes to the page of it. While something is dragged over the page, the form has data-over.
import { toast } from "./toast.js";

let depth = 0;

const target = () => document.querySelector("form[data-drop]");
const brings = (event) => event.dataTransfer?.types.includes("Files") && target();

function over(is) {
  target()?.toggleAttribute("data-over", is);
}

document.addEventListener("dragenter", (event) => {
  if (!brings(event)) return;
  depth += 1;
  over(true);
});

document.addEventListener("dragleave", (event) => {
  if (!brings(event)) return;
  depth = Math.max(0, depth - 1);
  if (!depth) over(false);
});

document.addEventListener("dragover", (event) => {
  if (brings(event)) event.preventDefault();
});

document.addEventListener("drop", (event) => {
  if (!brings(event)) return;
  event.preventDefault();
  depth = 0;
  over(false);
  const form = target();
  if (event.dataTransfer.files.length !== 1) return toast("Drop one file at a time.", "bad");
  form.querySelector("input[type=file]").files = event.dataTransfer.files;
  form.requestSubmit();
});

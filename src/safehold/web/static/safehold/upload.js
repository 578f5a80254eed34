// data-upload on a form with a file: a bar shows how much of it has been sent ([data-upload-progress], hidden until then). What
// the server answers is shown as if the form had been sent without this: another page, or this one with its errors.
import { toast } from "./toast.js";

const megabytes = (bytes) => `${(bytes / 1048576).toFixed(bytes < 10485760 ? 1 : 0)} MB`;

function send(form) {
  const shown = form.querySelector("[data-upload-progress]");
  const bar = shown.querySelector("progress");
  const words = shown.querySelector("[role=status]");
  const buttons = form.querySelectorAll("button");
  const request = new XMLHttpRequest();
  const idle = (is) => {
    shown.hidden = is;
    form.toggleAttribute("data-sending", !is);
    buttons.forEach((button) => (button.disabled = !is));
  };
  request.upload.addEventListener("progress", (event) => {
    if (!event.lengthComputable) return;
    bar.max = event.total;
    bar.value = event.loaded;
    if (event.loaded === event.total) bar.removeAttribute("value"); // how long that takes nobody knows
    words.textContent = event.loaded < event.total ? `${megabytes(event.loaded)} of ${megabytes(event.total)} sent` : "Sent. It is being looked at.";
  });
  request.addEventListener("load", () => {
    if (request.status < 400 && request.responseURL !== location.href) return location.assign(request.responseURL);
    idle(true);
    const answer = new DOMParser().parseFromString(request.responseText, "text/html").querySelector("main");
    if (!answer) return toast(`That did not work (${request.status}). Nothing was saved.`, "bad");
    document.querySelector("main").replaceWith(answer);
    answer.querySelector("[aria-invalid=true], [role=alert], .alert")?.scrollIntoView({ block: "center" });
  });
  request.addEventListener("error", () => {
    idle(true);
    toast("The server can't be reached. Nothing was saved.", "bad");
  });
  request.open("POST", form.action || location.href);
  const body = new FormData(form);
  idle(false);
  request.send(body);
}

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-upload]");
  if (!form || event.defaultPrevented) return;
  event.preventDefault();
  send(form);
});

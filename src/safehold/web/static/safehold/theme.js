// The theme menu without a page load. The server reads the same cookie, so the next page is right from its first paint.
const DARK_MEDIA = { system: "(prefers-color-scheme: dark)", light: "not all", dark: "all" };
const YEAR = 365 * 24 * 3600;

export function setTheme(theme) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `theme=${theme}; Path=/; Max-Age=${YEAR}; SameSite=Lax${secure}`;
  document.documentElement.dataset.theme = theme;
  document.getElementById("dark-colours").media = DARK_MEDIA[theme];
  for (const button of document.querySelectorAll("[data-themes] [name=theme]")) {
    button.setAttribute("aria-pressed", String(button.value === theme));
  }
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-themes]") || !event.submitter) return;
  event.preventDefault();
  setTheme(event.submitter.value);
});

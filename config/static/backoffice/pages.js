// Icons are words in an icon font: hide them from screen readers, and label buttons that have no other text.
const NAMES = { support_agent: "Back office", search: "Search", filter_list: "Filters" };
document.addEventListener("DOMContentLoaded", () => {
  for (const icon of document.querySelectorAll(".material-symbols-outlined")) {
    icon.setAttribute("aria-hidden", "true");
    const holder = icon.closest("a, button");
    const word = icon.textContent.trim();
    const isAlone = holder && holder.textContent.trim() === word;
    if (isAlone && !holder.hasAttribute("aria-label")) {
      holder.setAttribute("aria-label", holder.title || NAMES[word] || word.replaceAll("_", " "));
    }
  }
});
document.addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = "Copied";
    });
  }
});
document.addEventListener("DOMContentLoaded", () => {
  const waiting = document.querySelector("[data-reload-seconds]");
  if (waiting) setTimeout(() => location.reload(), 1000 * Number(waiting.dataset.reloadSeconds));
});

// Icons are words in an icon font: hide them from screen readers, and label buttons that have no other text.
const NAMES = { support_agent: "Back office", search: "Search", filter_list: "Filters" };
document.addEventListener("DOMContentLoaded", () => {
  // Times that concern no location: by the clock of whoever reads them.
  const zone = new Intl.DateTimeFormat("en-US", { hourCycle: "h23", weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" });
  for (const time of document.querySelectorAll("time[data-local]")) {
    const parts = Object.fromEntries(zone.formatToParts(new Date(time.dateTime)).map((part) => [part.type, part.value]));
    time.title = time.textContent;
    time.textContent = `${parts.weekday} ${parts.day} ${parts.month} ${parts.year}, ${parts.hour}:${parts.minute} ${parts.timeZoneName}`;
  }
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

// The key / leads to the search box, unless somebody types.
document.addEventListener("keydown", (event) => {
  const box = document.getElementById("bo-find");
  const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "/" && box && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    event.stopPropagation();
    box.focus();
    box.select();
  }
}, true);

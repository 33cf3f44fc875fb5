// A choice that brings other fields sends the form again, and the page comes back where it was.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("ivr-form");
  const update = document.getElementById("ivr-update");
  if (!form || !update) return;
  update.hidden = true;
  form.addEventListener("change", (event) => {
    if (!event.target.matches("[data-resubmit]")) return;
    form.action = `${form.getAttribute("action").split("#")[0]}#${event.target.id}`;
    form.requestSubmit(update);
  });
  for (const wrong of form.querySelectorAll("details .ivr-wrong")) wrong.closest("details").open = true;
});

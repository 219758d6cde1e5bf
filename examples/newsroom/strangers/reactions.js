// Agora: shows how many of its members liked the page.
(() => {
  const show = () => {
    const place = document.querySelector("[data-agora]");
    if (!place) return;
    const count = 60 + (place.dataset.agora.length * 37) % 190;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "agora-like";
    button.setAttribute("aria-pressed", "false");
    const label = () => {
      const liked = button.getAttribute("aria-pressed") === "true";
      button.textContent = `${liked ? "♥" : "♡"} ${count + (liked ? 1 : 0)} · Agora`;
    };
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      label();
    });
    label();
    place.replaceChildren(button);
  };
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", show);
  else show();
})();

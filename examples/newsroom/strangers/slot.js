// AdMarket: asks for the advert that fits the profile, and has the market match it.
(() => {
  const script = document.currentScript;
  const origin = new URL(script.src).origin;
  const slot = script.closest("[data-slot]");
  const space = slot.querySelector("[data-slot-space]");
  const label = slot.querySelector("[data-slot-label]");
  document.cookie = `adm_id=${Math.random().toString(16).slice(2, 14)}; path=/; max-age=34128000; samesite=lax`;
  const scores = Object.entries(JSON.parse(localStorage.getItem("pg_topics") || "{}"));
  const [topic = ""] = scores.sort((a, b) => b[1] - a[1])[0] || [];
  const wanted = new URLSearchParams({ slot: slot.dataset.slot, topic, lang: document.documentElement.lang });
  const frame = document.createElement("iframe");
  frame.src = `${origin}/creative?${wanted}`;
  frame.title = label.dataset.personal;
  frame.className = "slot__frame";
  const match = new Image(1, 1);
  match.src = "{{ addresses['market.localhost'] }}/match.gif";
  space.replaceChildren(frame);
  label.textContent = label.dataset.personal;
  slot.dataset.variant = "personal";
})();

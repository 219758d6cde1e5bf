// Plume Metrics: counts a page view, as audience counters do.
(() => {
  const origin = new URL(document.currentScript.src).origin;
  const page = window.plume || { page: location.pathname, section: "" };
  const token = () => Math.random().toString(16).slice(2, 14);
  const has = (name) => document.cookie.split("; ").some((pair) => pair.startsWith(`${name}=`));
  if (!has("_pm_id")) document.cookie = `_pm_id=${token()}; path=/; max-age=34128000; samesite=lax`;
  if (!has("_pm_ses")) document.cookie = `_pm_ses=${token()}; path=/; max-age=1800; samesite=lax`;
  const queue = JSON.parse(localStorage.getItem("pm_queue") || "[]");
  queue.push({ page: page.page, section: page.section });
  localStorage.setItem("pm_queue", JSON.stringify(queue.slice(-20)));
  navigator.sendBeacon(`${origin}/collect`, JSON.stringify({ views: queue.length }));
})();
